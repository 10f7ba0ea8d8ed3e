//! The server: it listens, accepts, speaks TLS, HTTP/1.1 and HTTP/2, bounds what a client may hold, and drains when told.

mod activity;
mod address;
mod connection;
mod listener;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use connection::{Connection, Protocol};

pub use address::Address;
pub use connection::Serve;
pub use listener::{ListenError, Listener};

/// What a server needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Offer HTTP/2 by ALPN, where there is TLS.
    pub http2: bool,
    /// Speak HTTP/2 in clear text to clients that begin with it.
    pub h2c: bool,
    /// What a client may hold.
    pub limits: Limits,
    /// How long requests under way may go on after the server was told to stop.
    pub drain_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { http2: true, h2c: false, limits: Limits::default(), drain_timeout: Duration::from_secs(5) }
    }
}

/// What a client may hold, and for how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections open at once. When reached, new ones wait in the kernel's queue.
    pub connections_max: usize,
    /// HTTP/2 requests at once on one connection.
    pub streams_per_connection_max: u32,
    /// Size of a request's line and headers.
    pub header_bytes_max: usize,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// How long a connection may lie idle between requests. Longer than what common clients and proxies keep theirs (60 to
    /// 90 s), so that it is they who close, and never a request that crosses with our closing.
    pub idle_timeout: Duration,
    /// How long a client may send nothing of a body that it announced, or take nothing of an answer.
    pub stall_timeout: Duration,
    /// For the whole TLS handshake.
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            streams_per_connection_max: 250,
            header_bytes_max: 64 * 1024,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(180),
            stall_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

/// A pause after `accept` failed: most often the process is out of file descriptors, and asking again at once only burns time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and serves `stack` on each, until `drain` becomes true; then gives what is under way
/// [`Settings::drain_timeout`] to finish. Returns whether everything did.
pub async fn serve<S: Serve>(
    listener: Listener,
    settings: Settings,
    stack: S,
    mut drain: watch::Receiver<bool>,
) -> bool {
    let connections_max = settings.limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
    let connections = Arc::new(Semaphore::new(connections_max));
    let builder = Arc::new(connection::protocols(&settings));
    let limits = Arc::new(settings.limits.clone());
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            _ = drain.wait_for(|draining| *draining) => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let (builder, limits) = (Arc::clone(&builder), Arc::clone(&limits));
        let (stack, drain) = (stack.clone(), drain.clone());
        let protocol = if settings.h2c { Protocol::Either } else { Protocol::Http1 };
        tokio::spawn(async move {
            let connection = Connection { stream, peer, protocol };
            connection.serve(&builder, &limits, stack, drain).await;
            drop(permit);
        });
    }
    drop(listener);
    let all = u32::try_from(connections_max).unwrap_or(u32::MAX);
    tokio::time::timeout(settings.drain_timeout, connections.acquire_many(all)).await.is_ok()
}

type Accepted = (stream::Stream, Option<std::net::SocketAddr>, tokio::sync::OwnedSemaphorePermit);

/// The next connection, once there is room for it.
async fn accept(listener: &Listener, connections: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::error!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
