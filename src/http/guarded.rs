//! A response body that keeps something alive until it has been sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use http_body::{Body, Frame, SizeHint};

pin_project_lite::pin_project! {
    /// A body with a guard that is dropped with it: a request is under way until its last byte is out, not only until its
    /// handler has returned.
    #[derive(Debug)]
    pub struct Guarded<B, G> {
        #[pin]
        body: B,
        guard: G,
    }
}

impl<B, G> Guarded<B, G> {
    /// Ties `guard` to `body`.
    pub fn new(body: B, guard: G) -> Self {
        Self { body, guard }
    }
}

/// An answer that nobody guards.
impl<B: From<AxumBody>, G> From<AxumBody> for Guarded<B, Option<G>> {
    fn from(body: AxumBody) -> Self {
        Self { body: B::from(body), guard: None }
    }
}

impl<B: Body, G> Body for Guarded<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
