//! A request's body as it comes from a client, who may stop sending.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};
use tower::BoxError;

use super::activity::Activity;

/// A body that fails with [`io::ErrorKind::TimedOut`] when nothing of it arrives for too long, so that a handler can keep what
/// it has (an upload stays, and can be continued) and let go of everything else.
pub(super) struct RequestBody {
    incoming: Incoming,
    activity: Arc<Activity>,
    idle_timeout: Duration,
    /// Made when the client is waited for the first time, which for small bodies is never.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer runs for the present wait.
    waiting: bool,
    ended: bool,
}

impl RequestBody {
    /// A request without a body costs nothing here.
    pub(super) fn wrap(incoming: Incoming, activity: &Arc<Activity>, idle_timeout: Duration) -> Body {
        use http_body::Body as _;
        if incoming.is_end_stream() {
            return Body::empty();
        }
        let activity = Arc::clone(activity);
        Body::new(Self { incoming, activity, idle_timeout, timer: None, waiting: false, ended: false })
    }

    /// Whether the client has been waited for long enough.
    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.idle_timeout)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + self.idle_timeout);
        }
        timer.as_mut().poll(cx).is_ready()
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.waiting = false;
                this.ended = frame.is_none() || this.incoming.is_end_stream();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending if this.overdue(cx) => {
                let sentence = format!("the client sent nothing of its body for {:?}", this.idle_timeout);
                Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, sentence).into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended {
            self.activity.body_left_unread();
        }
    }
}
