//! Connections that wait for the next request to the same place.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::SendRequest;
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::WasiBody;

use super::super::destination::Target;

/// For one place, and for all of them.
const IDLE_MAX: (usize, usize) = (8, 32);
/// Shorter than what servers allow, so that few requests meet a connection that was just closed.
const IDLE_TIME_MAX: Duration = Duration::from_secs(15);
/// The task that reads a connection may need a moment to see that a response has ended.
const READY_TIME_MAX: Duration = Duration::from_millis(50);

/// A connection. Dropping it closes it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<WasiBody>,
    /// Drives the connection for as long as it is held.
    #[expect(dead_code, reason = "its only use is to be dropped")]
    pub(super) driver: AbortOnDropJoinHandle<()>,
}

/// Connections without a request.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Target, Vec<(Connection, Instant)>>>);

impl Pool {
    /// A connection to a place that can take a request now.
    pub(super) async fn take(&self, target: &Target) -> Option<Connection> {
        loop {
            let mut connection = self.pop(target)?;
            let ready = tokio::time::timeout(READY_TIME_MAX, connection.sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    fn pop(&self, target: &Target) -> Option<Connection> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = pool.get_mut(target)?;
        while let Some((connection, since)) = idle.pop() {
            if since.elapsed() < IDLE_TIME_MAX && !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose response has been read to its end.
    pub(super) fn put(&self, target: Target, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|_, idle| {
            idle.retain(|(connection, since)| since.elapsed() < IDLE_TIME_MAX && !connection.sender.is_closed());
            !idle.is_empty()
        });
        let held: usize = pool.values().map(Vec::len).sum();
        let idle = pool.entry(target).or_default();
        if idle.len() < IDLE_MAX.0 && held < IDLE_MAX.1 {
            idle.push((connection, Instant::now()));
        }
    }
}
