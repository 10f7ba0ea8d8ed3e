//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceExt};

use super::activity::{Activity, Noted, RequestGuard, Verdict};
use super::body::RequestBody;
use super::sending::Sending;
use super::stream::Stream;
use crate::config::limits::Limits;
use crate::http::{FileOutlet, RequestInfo};
use crate::telemetry::RequestId;

/// After a friendly goodbye (`Connection: close`, GOAWAY) to an idle client, it is hung up on after so long.
const GOODBYE: Duration = Duration::from_secs(1);

/// HTTP/2: how much of one request's body, and of all on one connection, may be under way unread.
const H2_STREAM_WINDOW_BYTES: u32 = 1 << 20;
const H2_CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// HTTP/2: a client that does not answer a ping is gone; TCP alone would take hours to notice.
const H2_PING_EVERY: Duration = Duration::from_secs(60);
const H2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What a service must be to be served: the layers of [`crate::http::layers`] around a router.
pub trait Serve:
    Service<Request<Body>, Response = Response<Self::Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
    /// The response's body.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> Serve for S
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

/// How the protocol of a connection is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, whatever the first bytes are.
    Http1,
    /// HTTP/2, agreed on by ALPN.
    Http2,
    /// Clear text, where the first bytes tell (HTTP/2 by prior knowledge).
    Either,
}

/// Both protocols with their settings.
pub(super) type Builder = auto::Builder<TokioExecutor>;

/// The two protocols' settings, made once per server.
pub(super) fn protocols(limits: &Limits) -> Builder {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Not with `pipeline_flush`: it makes `hyper` take in a whole body before it sends the first byte of it.
    builder
        .http1()
        .timer(TokioTimer::new())
        // The one timer per connection of `Activity` does this, without a timer per request.
        .header_read_timeout(None)
        // (`pipeline_flush` stays off: with it `hyper` 1.12 keeps its own 400 and 431 in the buffer and just closes.)
        // The bound on a request head, and at the same time the largest piece of an upload that is read at once.
        .max_buf_size(limits.header_bytes_max.as_usize().max(READ_BUFFER_BYTES));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes_max.get()).unwrap_or(u32::MAX))
        .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(limits.streams_max)
        .keep_alive_interval(H2_PING_EVERY)
        .keep_alive_timeout(H2_PING_TIMEOUT);
    // Setting even the default makes the protocol's parser allocate per request.
    if limits.headers_max != HEADERS_MAX_BUILT_IN {
        builder.http1().max_headers(usize::try_from(limits.headers_max).unwrap_or(usize::MAX));
    }
    builder
}

/// Large enough that an upload costs few system calls per megabyte, small enough to stay in the processor's cache.
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// What `hyper` allows by itself.
const HEADERS_MAX_BUILT_IN: u32 = 100;

/// What is known of a connection when its first byte has been read.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) peer: Option<SocketAddr>,
    pub(super) protocol: Protocol,
}

impl Connection {
    /// Serves requests until the client or the server has enough. On `drain` the request under way is finished.
    pub(super) async fn serve<S>(self, builder: &Builder, limits: &Limits, stack: S, mut drain: watch::Receiver<bool>)
    where
        S: Serve,
    {
        let activity = Arc::new(Activity::new());
        let tls = matches!(self.stream, Stream::Tls(_));
        let idle_timeout = limits.body_idle_timeout.get();
        let outlet = self.stream.sends_files().then(FileOutlet::default);
        let sending = Sending::new(self.stream, outlet.clone());
        let io = TokioIo::new(Noted::new(sending, Arc::clone(&activity)));
        let service = PerRequest { stack, peer: self.peer, tls, idle_timeout, outlet, activity };
        let activity = Arc::clone(&service.activity);
        let builder = match self.protocol {
            Protocol::Http1 => builder.clone().http1_only(),
            Protocol::Http2 => builder.clone().http2_only(),
            Protocol::Either => builder.clone(),
        };
        let http2 = self.protocol == Protocol::Http2;
        let mut connection = pin!(builder.serve_connection(io, service));
        // What happened meanwhile is found at the next look, so no timeout may be much shorter than the time between two.
        let timeouts = [limits.request_header_timeout, limits.idle_timeout, limits.response_idle_timeout];
        let look_every = timeouts.iter().map(|timeout| timeout.get()).min().unwrap_or(GOODBYE);
        let mut watchdog = pin!(sleep(look_every));
        let mut leaving = false;
        loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(peer = ?self.peer, %error, "connection ended with an error");
                    }
                    return;
                }
                _ = drain.wait_for(|draining| *draining), if !leaving => {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = watchdog.as_mut() => {
                    let wait = match activity.verdict(limits, http2) {
                        Verdict::Wait(wait) => wait,
                        Verdict::Idle if leaving => return,
                        Verdict::Idle => {
                            leaving = true;
                            connection.as_mut().graceful_shutdown();
                            GOODBYE
                        }
                        Verdict::Stuck(why) => {
                            tracing::debug!(peer = ?self.peer, "hung up on a client: {why}");
                            return;
                        }
                    };
                    watchdog.as_mut().reset(Instant::now() + wait.min(look_every));
                }
            }
        }
    }
}

/// Gives each request its [`RequestInfo`], and keeps the connection's record of what is under way.
struct PerRequest<S> {
    stack: S,
    peer: Option<SocketAddr>,
    tls: bool,
    idle_timeout: Duration,
    outlet: Option<FileOutlet>,
    activity: Arc<Activity>,
}

impl<S: Serve> hyper::service::Service<Request<Incoming>> for PerRequest<S> {
    type Response = Response<Guarded<S::Body>>;
    type Error = Infallible;
    type Future = Answer<tower::util::Oneshot<S, Request<Body>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let guard = self.activity.request();
        let mut request = request.map(|body| RequestBody::wrap(body, &self.activity, self.idle_timeout));
        request.extensions_mut().insert(RequestInfo { id: RequestId::new(), peer: self.peer, tls: self.tls });
        // HTTP/2 puts bodies into frames, and looks at them for it.
        if let Some(outlet) = self.outlet.as_ref().filter(|_| request.version() <= Version::HTTP_11) {
            request.extensions_mut().insert(outlet.clone());
        }
        Answer { inner: self.stack.clone().oneshot(request), guard: Some(guard) }
    }
}

pin_project_lite::pin_project! {
    /// The stack's answer on its way, holding the guard that the response body takes over.
    struct Answer<F> {
        #[pin]
        inner: F,
        guard: Option<RequestGuard>,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<Guarded<B>>, Infallible>;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let this = self.project();
        this.inner.poll(cx).map_ok(|response| response.map(|body| Guarded::new(body, this.guard.take())))
    }
}

type Guarded<B> = crate::http::guarded::Guarded<B, Option<RequestGuard>>;
