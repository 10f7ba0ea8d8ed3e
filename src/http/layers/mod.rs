//! The layers that every request passes on its way to a handler. [`stack`] puts them together; its order is the documentation.

mod exchange;
mod gate;
mod panic;
mod record;
mod refusal;

use std::sync::Arc;

use axum::Router;
use tower::ServiceBuilder;

pub use exchange::Recorder;

use crate::config::limits::Limits;
use crate::health::Health;
use crate::http::server::Serve;

/// Puts the layers around the API. A request passes them from top to bottom, its answer from bottom to top.
pub fn stack(api: Router, limits: &Limits, health: Arc<Health>, recorder: Arc<Recorder>) -> impl Serve {
    ServiceBuilder::new()
        // Outermost, so that nothing happens to a request without being logged and counted: not even a refusal by the
        // layers below, a panic, or a client that goes away.
        .layer(record::RecordLayer(recorder))
        // Above everything that could panic, below what tells of it.
        .layer(panic::CatchPanicLayer)
        // Before anything else is looked at: a registry that cannot do its work should say so to every probe, `/` included.
        .layer(gate::GateLayer(gate::HealthGate(health)))
        // Before the request counts as work, because it is none.
        .layer(gate::GateLayer(gate::HeaderBytesMax(limits.header_bytes_max.as_usize())))
        // Innermost, so that only requests which reach the API count.
        .layer(gate::GateLayer(gate::RequestsMax::new(limits.requests_max, limits.retry_after.get())))
        .service(api)
}
