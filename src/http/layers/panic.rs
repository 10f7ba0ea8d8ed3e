//! A handler that panics costs its own request, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower::{Layer, Service};

use super::refusal::Refusal;
use crate::oci::ErrorCode;

/// Catches a panic and answers 500. What happened is logged by the process's panic hook, which still knows where.
#[derive(Clone, Copy)]
pub struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> CatchPanic<S> {
        CatchPanic { inner }
    }
}

/// A service whose panics are caught.
#[derive(Clone)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S, B> Service<Request<Body>> for CatchPanic<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    B: From<Body>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = CatchPanicFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        CatchPanicFuture { inner: self.inner.call(request) }
    }
}

pin_project_lite::pin_project! {
    /// An answer on its way, or a panic.
    pub struct CatchPanicFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, B, E> Future for CatchPanicFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Body>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.project().inner;
        // After a panic the future is not polled again, so nobody sees what it left half done.
        catch_unwind(AssertUnwindSafe(|| inner.poll(cx))).unwrap_or_else(|_| {
            let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown);
            let detail = "an error in the server itself; its log has more under this request's id";
            let refusal = Refusal { status, code, detail, retry_after: None };
            Poll::Ready(Ok(refusal.into_response().map(B::from)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_answer() {
        async fn bad(request: Request<Body>) -> Result<Response<Body>, Infallible> {
            assert_eq!(request.uri().path(), "/good", "this one panics");
            Ok(Response::default())
        }
        let service = ServiceBuilder::new().layer(CatchPanicLayer).service(service_fn(bad));
        let request = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(service.clone().oneshot(request("/bad")).await.unwrap().status(), 500);
        assert_eq!(service.oneshot(request("/good")).await.unwrap().status(), 200);
    }
}
