//! HTTP that an auth provider serves itself: a token endpoint, a login callback (`wasi:http/incoming-handler`).
//!
//! Whoever can reach the server can call it, without having logged in. So it never has more than half of the plugin's instances,
//! and its failures don't count towards the plugin being out of service: nobody can shut out those who log in.

mod body;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use self::body::PageBody;
use super::AuthWorld;
use crate::plugin::error::{Fault, PluginError};
use crate::plugin::slot::{Lease, Slot};
use crate::telemetry::in_this_request;

/// What the server knows of a request that does not stand in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connection {
    /// The TCP peer; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// Asks the server for it.
pub type ConnectionOf = fn(&Request) -> Connection;

/// How the guest learns the peer's address, which it has no other way to know.
const PEER_HEADER: &str = "x-wharf-peer";

type Answer = Result<http::Response<HyperOutgoingBody>, ErrorCode>;

#[derive(Clone)]
struct Serving {
    slot: Arc<Slot<AuthWorld>>,
    connection_of: ConnectionOf,
    /// Requests at once.
    places: Arc<Semaphore>,
}

/// The routes below the granted prefix; none when nothing is granted.
pub(super) fn router(slot: &Arc<Slot<AuthWorld>>, connection_of: ConnectionOf) -> Router {
    let prefix = &slot.plugin().grants.serve;
    if prefix.is_empty() {
        return Router::new();
    }
    let places = Arc::new(Semaphore::new((slot.plugin().limits.instances_max / 2).max(1) as usize));
    let serving = Serving { slot: Arc::clone(slot), connection_of, places };
    Router::new().route(prefix, any(answer)).route(&format!("{prefix}{{*path}}"), any(answer)).with_state(serving)
}

async fn answer(State(serving): State<Serving>, request: Request) -> Response {
    let slot = &serving.slot;
    let queue_time = slot.plugin().limits.queue_time_max.get();
    let Ok(Ok(place)) = timeout(queue_time, Arc::clone(&serving.places).acquire_owned()).await else {
        tracing::warn!(
            plugin = slot.name(),
            "auth: as many requests as may be are with the plugin's own pages already"
        );
        return later();
    };
    let lease = match slot.lease_aside().await {
        Ok(lease) => lease,
        Err(error) => return failed(&error),
    };
    let version = lease.version();
    // The component asks for it in its manifest, the operator grants it: both are needed.
    if !version.world().serves_http() || version.permissions().plan().serve.is_none() {
        return (StatusCode::NOT_FOUND, "this component serves nothing here\n").into_response();
    }
    let connection = (serving.connection_of)(&request);
    let (sender, receiver) = oneshot::channel();
    let request = prepared(request, connection.peer, version.limits().incoming_bytes_max.as_usize());
    // In a task of its own: the guest goes on after it has begun its answer.
    let work = tokio::spawn(in_this_request(async move {
        let _place = place;
        handle(lease, request, connection.tls, sender).await
    }));
    match receiver.await {
        Ok(Ok(response)) => {
            let (mut parts, body) = response.into_parts();
            parts.headers.remove(PEER_HEADER);
            Response::from_parts(parts, Body::new(PageBody::new(body, work)))
        }
        Ok(Err(code)) => {
            tracing::warn!(plugin = slot.name(), "auth: the plugin could not answer: {code:?}");
            StatusCode::BAD_GATEWAY.into_response()
        }
        Err(_) => match work.await {
            Ok(Err(error)) => failed(&error),
            _ => {
                tracing::warn!(plugin = slot.name(), "auth: the plugin ended without an answer");
                StatusCode::BAD_GATEWAY.into_response()
            }
        },
    }
}

/// The peer is told in a header that no client can set; a body has an end.
fn prepared(mut request: Request, peer: Option<SocketAddr>, body_bytes_max: usize) -> http::Request<Body> {
    let headers = request.headers_mut();
    headers.remove(PEER_HEADER);
    if let Some(Ok(value)) = peer.map(|peer| peer.ip().to_canonical().to_string().parse()) {
        headers.insert(PEER_HEADER, value);
    }
    request.map(|body| Body::new(Limited::new(body, body_bytes_max)))
}

async fn handle(
    mut lease: Lease<AuthWorld>,
    request: http::Request<Body>,
    tls: bool,
    sender: oneshot::Sender<Answer>,
) -> Result<(), PluginError> {
    let (call, store, guest) = lease.begin("handle")?;
    let body_failed = |error: axum::Error| wasmtime_wasi_http::Error::InternalError(Some(error.to_string()));
    let request = request.map(|body| body.map_err(body_failed).boxed_unsync());
    let Some(http) = &guest.http else { return Ok(()) };
    let scheme = if tls { Scheme::Https } else { Scheme::Http };
    call.run(async {
        let request = store.data_mut().http().new_incoming_request(scheme, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        http.wasi_http_incoming_handler().call_handle(store, request, out).await
    })
    .await
    .inspect_err(|error| tracing::warn!("{error}"))
}

fn failed(error: &PluginError) -> Response {
    match error.fault {
        Fault::Busy(_) | Fault::Failing { .. } | Fault::Start(_) => {
            tracing::warn!("{error}");
            later()
        }
        Fault::Time { .. } => StatusCode::GATEWAY_TIMEOUT.into_response(),
        _ => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn later() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(http::header::RETRY_AFTER, "5")], "try again later\n").into_response()
}
