//! The body of a page, which ends well only if the guest does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::plugin::error::PluginError;

/// To wasmtime-wasi-http a guest that traps in the middle of its page has finished it. So the end waits for the end of the call:
/// after a call that failed, or returned without finishing the body, the page breaks off.
pub(super) struct PageBody {
    inner: HyperOutgoingBody,
    call: JoinHandle<Result<(), PluginError>>,
    /// Whether the call ended well; `None` while it lasts.
    well: Option<bool>,
}

impl PageBody {
    /// Of a call that has begun its answer.
    pub(super) fn new(inner: HyperOutgoingBody, call: JoinHandle<Result<(), PluginError>>) -> Self {
        Self { inner, call, well: None }
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let broken = |_| io::Error::other("the plugin gave its page up");
        if let Poll::Ready(Some(frame)) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(Some(frame.map_err(broken)));
        }
        let well = match self.well {
            Some(well) => well,
            None => match Pin::new(&mut self.call).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => matches!(outcome, Ok(Ok(()))),
            },
        };
        self.well = Some(well);
        // What came while the call was looked at.
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(frame)) => Poll::Ready(Some(frame.map_err(broken))),
            Poll::Ready(None) if well => Poll::Ready(None),
            _ => Poll::Ready(Some(Err(io::Error::other("the plugin ended before its page did")))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
