//! Bodies, counted: what a guest sends out, and what it receives.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use super::super::destination::Target;
use super::super::meter::Meter;
use super::client::Client;
use super::error;
use super::pool::Connection;

/// A request's body, which ends with an error when the call has sent too much.
pub(super) struct Outgoing {
    pub(super) inner: WasiBody,
    pub(super) meter: Arc<Meter>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && !self.meter.send(data.len())
        {
            return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.meter.outgoing_bytes_max())))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What a response holds on to until its body has been read or dropped.
pub(super) struct Exchange {
    pub(super) client: Arc<Client>,
    pub(super) target: Target,
    pub(super) connection: Connection,
    pub(super) permit: OwnedSemaphorePermit,
}

/// A response's body. Read to its end, it gives its connection back; dropped before, it closes it.
pub(super) struct Received {
    inner: Incoming,
    meter: Arc<Meter>,
    exchange: Option<Exchange>,
    pause_max: Duration,
    pause: Pin<Box<Sleep>>,
}

impl Received {
    /// `pause_max`: how long it may take from one piece to the next.
    pub(super) fn new(inner: Incoming, meter: Arc<Meter>, exchange: Exchange, pause_max: Duration) -> Self {
        let mut received =
            Self { inner, meter, exchange: Some(exchange), pause_max, pause: Box::pin(tokio::time::sleep(pause_max)) };
        if received.inner.is_end_stream() {
            received.give_back();
        }
        received
    }

    fn give_back(&mut self) {
        if let Some(Exchange { client, target, connection, permit }) = self.exchange.take() {
            client.keep(target, connection);
            drop(permit);
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        let Poll::Ready(frame) = polled else {
            ready!(self.pause.as_mut().poll(context));
            self.exchange = None;
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        let next = Instant::now() + self.pause_max;
        self.pause.as_mut().reset(next);
        Poll::Ready(match frame {
            None => {
                self.give_back();
                None
            }
            Some(Err(problem)) => {
                self.exchange = None;
                Some(Err(error::of_exchange(problem)))
            }
            Some(Ok(frame)) => {
                if frame.data_ref().is_some_and(|data| !self.meter.receive(data.len())) {
                    self.exchange = None;
                    return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(self.meter.incoming_bytes_max())))));
                }
                if self.inner.is_end_stream() {
                    self.give_back();
                }
                Some(Ok(frame))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
