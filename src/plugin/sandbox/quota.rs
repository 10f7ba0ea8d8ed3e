//! How many connections a plugin has to the outside at the same time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// For each connection that may be open, so many requests may wait for one.
const WAITING_PER_CONNECTION: usize = 4;

/// The connections of one version of a plugin: sockets and HTTP requests together.
#[derive(Debug)]
pub struct Connections {
    open: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Connections {
    /// So many at the same time.
    pub fn new(connections_max: u32) -> Self {
        let max =
            usize::try_from(connections_max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS / WAITING_PER_CONNECTION);
        Self { open: Arc::new(Semaphore::new(max)), waiting: Semaphore::new(max * WAITING_PER_CONNECTION) }
    }

    /// A place, free until the result is dropped; `None` when none becomes free in time, or too many wait already.
    pub async fn take(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        if let Some(permit) = self.try_take() {
            return Some(permit);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        timeout_at(deadline, Arc::clone(&self.open).acquire_owned()).await.ok()?.ok()
    }

    /// A place, if one is free now.
    pub fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.open).try_acquire_owned().ok()
    }
}
