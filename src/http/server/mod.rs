//! The server: it listens, accepts, speaks TLS, HTTP/1.1 and HTTP/2, bounds what a client may hold, and drains when told.

mod activity;
mod address;
mod body;
mod connection;
mod listener;
mod sending;
mod stream;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use connection::{Connection, Protocol};
use stream::Stream;

pub use address::Address;
pub use connection::Serve;
pub use listener::{ListenError, Listener};
pub use tls::{Tls, TlsError};

use crate::config::limits::Limits;

/// How a server speaks.
#[derive(Clone, Default)]
pub struct Settings {
    /// TLS, or clear text.
    pub tls: Option<Arc<Tls>>,
    /// In clear text: HTTP/2 with clients that begin with it.
    pub h2c: bool,
    /// What a client may hold, and for how long.
    pub limits: Limits,
    /// How long requests under way may go on after the server was told to stop.
    pub drain_timeout: Duration,
}

/// A pause after `accept` failed: most often the process is out of file descriptors, and asking again at once only burns time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and serves `stack` on each, until `drain` becomes true; then gives what is under way
/// [`Settings::drain_timeout`] to finish. Returns whether everything did.
pub async fn serve(
    listener: Listener,
    settings: Settings,
    stack: impl Serve,
    mut drain: watch::Receiver<bool>,
) -> bool {
    let connections_max = settings.limits.connections_max.max(1);
    let connections = Arc::new(Semaphore::new(usize::try_from(connections_max).unwrap_or(Semaphore::MAX_PERMITS)));
    let shared = Arc::new(Shared { builder: connection::protocols(&settings.limits), limits: settings.limits });
    let clear_text = if settings.h2c { Protocol::Either } else { Protocol::Http1 };
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            _ = drain.wait_for(|draining| *draining) => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let (shared, stack, drain) = (Arc::clone(&shared), stack.clone(), drain.clone());
        // The certificate of this moment.
        let acceptor = settings.tls.as_ref().map(|tls| tls.acceptor());
        tokio::spawn(async move {
            let limits = &shared.limits;
            let secured = match acceptor {
                None => Some((stream, clear_text)),
                Some(acceptor) => handshake(acceptor, stream, limits.handshake_timeout.get()).await,
            };
            if let Some((stream, protocol)) = secured {
                Connection { stream, peer, protocol }.serve(&shared.builder, limits, stack, drain).await;
            }
            drop(permit);
        });
    }
    drop(listener);
    tokio::time::timeout(settings.drain_timeout, connections.acquire_many(connections_max)).await.is_ok()
}

/// What every connection of a server looks at.
struct Shared {
    builder: connection::Builder,
    limits: Limits,
}

type Accepted = (Stream, Option<std::net::SocketAddr>, OwnedSemaphorePermit);

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

/// Speaks TLS with a client, and learns by which protocol to go on. `None` when it cannot, or takes too long.
async fn handshake(acceptor: TlsAcceptor, stream: Stream, timeout: Duration) -> Option<(Stream, Protocol)> {
    match tokio::time::timeout(timeout, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
            Some((Stream::Tls(Box::new(stream)), protocol))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
}
