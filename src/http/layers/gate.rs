//! Layers that let a request through or answer it themselves, before any work is done for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Layer, Service};

use super::refusal::Refusal;
use crate::health::Health;
use crate::http::guarded::Guarded;
use crate::oci::ErrorCode;

/// What a gate lets through: a guard that is kept until the answer has been sent, or else an answer.
pub trait Gate: Clone {
    /// Kept until the answer has been sent.
    type Guard;

    /// Decides about one request.
    #[allow(clippy::result_large_err, reason = "the answer is sent at once, not carried up a call chain")]
    fn enter(&self, request: &Request<Body>) -> Result<Self::Guard, Response<Body>>;
}

/// Answers 503 while a health check fails, so that a load balancer looks elsewhere.
#[derive(Clone)]
pub struct HealthGate(pub Arc<Health>);

/// How soon a client may look again whether the registry is healthy: about the interval of the checks.
const HEALTH_RETRY_SECS: u64 = 10;

impl Gate for HealthGate {
    type Guard = ();

    fn enter(&self, _: &Request<Body>) -> Result<(), Response<Body>> {
        if !self.0.is_failing() {
            return Ok(());
        }
        let detail = "health check failed: see /debug/health";
        let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable);
        Err(Refusal { status, code, detail, retry_after: Some(HEALTH_RETRY_SECS) }.into_response())
    }
}

/// Answers 503 when too many requests are under way: better a quick "later" than everybody waiting and nobody served.
#[derive(Clone)]
pub struct RequestsMax {
    permits: Arc<Semaphore>,
    retry_after_secs: u64,
}

impl RequestsMax {
    /// At most so many requests at once; the others are told to come back after `retry_after`, in whole seconds rounded up.
    pub fn new(requests_max: u32, retry_after: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(usize::try_from(requests_max).unwrap_or(usize::MAX)));
        let whole = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self { permits, retry_after_secs: whole.max(1) }
    }
}

impl Gate for RequestsMax {
    type Guard = OwnedSemaphorePermit;

    fn enter(&self, _: &Request<Body>) -> Result<Self::Guard, Response<Body>> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let detail = "too many requests are being answered; try again";
            let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable);
            Refusal { status, code, detail, retry_after: Some(self.retry_after_secs) }.into_response()
        })
    }
}

/// Answers 431 when line and headers are too large. The protocol's reader has a bound of its own, which is the size of its
/// buffer and so may be larger than the configured one.
#[derive(Clone)]
pub struct HeaderBytesMax(pub usize);

/// What a header takes on the wire beside name and value: `: ` and the line break.
const HEADER_OVERHEAD_BYTES: usize = 4;

impl Gate for HeaderBytesMax {
    type Guard = ();

    fn enter(&self, request: &Request<Body>) -> Result<(), Response<Body>> {
        let line = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        let headers = request.headers().iter();
        let headers: usize =
            headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES).sum();
        if line + headers <= self.0 {
            return Ok(());
        }
        let (status, code) = (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, ErrorCode::SizeInvalid);
        let detail = "the request's line and headers are larger than this registry accepts";
        Err(Refusal { status, code, detail, retry_after: None }.into_response())
    }
}

/// Makes a layer of a gate.
#[derive(Clone)]
pub struct GateLayer<G>(pub G);

impl<G: Clone, S> Layer<S> for GateLayer<G> {
    type Service = Gated<G, S>;

    fn layer(&self, inner: S) -> Gated<G, S> {
        Gated { gate: self.0.clone(), inner }
    }
}

/// A service behind a gate.
#[derive(Clone)]
pub struct Gated<G, S> {
    gate: G,
    inner: S,
}

impl<G, S, B> Service<Request<Body>> for Gated<G, S>
where
    G: Gate,
    S: Service<Request<Body>, Response = Response<B>>,
    B: From<Body>,
{
    type Response = Response<Guarded<B, Option<G::Guard>>>;
    type Error = S::Error;
    type Future = GatedFuture<S::Future, G::Guard>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.gate.enter(&request) {
            Ok(guard) => GatedFuture::Through { inner: self.inner.call(request), guard: Some(guard) },
            Err(response) => GatedFuture::Refused { response: Some(response) },
        }
    }
}

pin_project_lite::pin_project! {
    /// The answer of the service behind the gate, or the gate's own.
    #[project = GatedProjection]
    pub enum GatedFuture<F, G> {
        /// Let through.
        Through { #[pin] inner: F, guard: Option<G> },
        /// Answered.
        Refused { response: Option<Response<Body>> },
    }
}

impl<F, G, B, E> Future for GatedFuture<F, G>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Body>,
{
    type Output = Result<Response<Guarded<B, Option<G>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (response, guard) = match self.project() {
            GatedProjection::Through { inner, guard } => (ready!(inner.poll(cx))?, guard.take()),
            GatedProjection::Refused { response } => (response.take().unwrap_or_default().map(B::from), None),
        };
        Poll::Ready(Ok(response.map(|body| Guarded::new(body, guard))))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::BodyExt;
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;

    async fn answer(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        Ok(Response::new(Body::from("hello")))
    }

    #[tokio::test]
    async fn a_request_counts_until_its_answer_has_been_read() {
        let gate = RequestsMax::new(1, Duration::from_millis(1500));
        let service = ServiceBuilder::new().layer(GateLayer(gate)).service(service_fn(answer));
        let first = service.clone().oneshot(Request::default()).await.unwrap();
        let second = service.clone().oneshot(Request::default()).await.unwrap();
        assert_eq!(second.status(), 503);
        assert_eq!(second.headers()["retry-after"], "2");
        let body = second.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(b"{\"errors\":[{\"code\":\"UNAVAILABLE\""), "{body:?}");
        drop(first);
        assert_eq!(service.oneshot(Request::default()).await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn large_headers_are_refused() {
        let service = ServiceBuilder::new().layer(GateLayer(HeaderBytesMax(100))).service(service_fn(answer));
        let request = |len| Request::builder().header("x", "v".repeat(len)).body(Body::empty()).unwrap();
        assert_eq!(service.clone().oneshot(request(94)).await.unwrap().status(), 200);
        assert_eq!(service.clone().oneshot(request(95)).await.unwrap().status(), 431);
    }
}
