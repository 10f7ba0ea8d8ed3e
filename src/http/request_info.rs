//! What the server knows of a request that does not stand in the request itself.

use std::net::SocketAddr;

use crate::telemetry::RequestId;

/// Travels with every request as one extension (`request.extensions().get::<RequestInfo>()`), so that neither handlers nor
/// layers need to know the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestInfo {
    /// Chosen by this server, never taken from the client; stands in every log record of the request.
    pub id: RequestId,
    /// The TCP peer; `None` on a unix socket. Behind a proxy this is the proxy.
    pub peer: Option<SocketAddr>,
    /// Whether the connection itself is TLS.
    pub tls: bool,
}
