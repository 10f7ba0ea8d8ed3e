//! Request bodies that nobody reads to the end.
//!
//! When a request is refused before its body was read, HTTP/1.1 leaves two ways: close the connection, upon which many clients
//! report a broken pipe instead of our answer, or read on for a while. This reads on for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

/// So much of a refused body is read and thrown away; beyond it the connection is closed.
const DRAIN_BYTES_MAX: u64 = 8 << 20;
/// For so long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A request's body that is drained in the background when it is dropped before its end.
pub(super) struct LingeringBody {
    stream: Option<BodyDataStream>,
}

impl LingeringBody {
    pub(super) fn new(body: Body) -> Self {
        let empty = http_body::Body::is_end_stream(&body);
        Self { stream: (!empty).then(|| body.into_data_stream()) }
    }
}

impl Stream for LingeringBody {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let polled = stream.poll_next_unpin(cx);
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            // The end, or an error: nothing is left to drain.
            self.stream = None;
        }
        polled.map_err(|error| error.to_string())
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        let (Some(stream), Ok(runtime)) = (self.stream.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(async move {
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain(stream)).await;
        });
    }
}

async fn drain(mut stream: BodyDataStream) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = stream.next().await {
        bytes += frame.len() as u64;
        if bytes > DRAIN_BYTES_MAX {
            return;
        }
    }
}
