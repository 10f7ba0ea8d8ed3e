//! The outermost layer: gives each request its place in logs and metrics.

use std::convert::Infallible;
use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Buf, Bytes};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use tower::{Layer, Service};

use super::exchange::{Exchange, Recorder};
use crate::http::RequestInfo;
use crate::telemetry::{RequestId, in_request};

/// The header of an answer by which a user can name a request to the operator.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Tells every request to the logs and metrics, and runs it in the scope of its id.
#[derive(Clone)]
pub struct RecordLayer(pub Arc<Recorder>);

impl<S> Layer<S> for RecordLayer {
    type Service = Record<S>;

    fn layer(&self, inner: S) -> Record<S> {
        Record { recorder: Arc::clone(&self.0), inner }
    }
}

/// A service whose requests are recorded.
#[derive(Clone)]
pub struct Record<S> {
    recorder: Arc<Recorder>,
    inner: S,
}

impl<S, B> Service<Request<Body>> for Record<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
{
    type Response = Response<RecordedBody<B>>;
    type Error = Infallible;
    type Future = RecordFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let info = request.extensions().get::<RequestInfo>().copied();
        let info = info.unwrap_or_else(|| RequestInfo { id: RequestId::new(), peer: None, tls: false });
        let exchange = Exchange::begin(&self.recorder, info, &request);
        let inner = in_request(info.id, || self.inner.call(request));
        RecordFuture { inner, exchange: Some(exchange) }
    }
}

pin_project_lite::pin_project! {
    /// An answer on its way.
    pub struct RecordFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
    }
}

impl<F, B> Future for RecordFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: http_body::Body<Data = Bytes>,
{
    type Output = Result<Response<RecordedBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let id = this.exchange.as_ref().map(|exchange| exchange.info().id);
        let Ok(mut response) = ready!(match id {
            Some(id) => in_request(id, || this.inner.poll(cx)),
            None => this.inner.poll(cx),
        });
        let mut exchange = this.exchange.take();
        if let Some(exchange) = &mut exchange {
            exchange.answered(&mut response);
            let mut text = [0; 36];
            if let Ok(value) = HeaderValue::from_str(exchange.info().id.encode(&mut text)) {
                response.headers_mut().insert(&REQUEST_ID, value);
            }
        }
        Poll::Ready(Ok(response.map(|body| RecordedBody { body, exchange })))
    }
}

pin_project_lite::pin_project! {
    /// An answer's body, counted while it is sent.
    pub struct RecordedBody<B> {
        #[pin]
        body: B,
        exchange: Option<Exchange>,
    }
}

impl<B: http_body::Body<Data = Bytes, Error: Display>> http_body::Body for RecordedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(exchange) = this.exchange else { return this.body.poll_frame(cx) };
        let frame = ready!(in_request(exchange.info().id, || this.body.as_mut().poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                exchange.sent(frame.data_ref().map_or(0, Buf::remaining));
                // The server need not ask again for an end that it knows of.
                if this.body.is_end_stream() {
                    exchange.complete();
                }
            }
            Some(Err(error)) => exchange.failed(error),
            None => exchange.complete(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
