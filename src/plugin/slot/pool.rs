//! Instances that wait for their next call.

use std::sync::{Mutex, PoisonError};

use crate::plugin::instance::Instance;
use crate::plugin::world::World;

/// Idle instances of one version. The one that was used last is used next, so that those beyond the need stay cold.
pub(super) struct Pool<W: World>(Mutex<Idle<W>>);

struct Idle<W: World> {
    instances: Vec<Instance<W>>,
    closed: bool,
}

impl<W: World> Pool<W> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Idle { instances: Vec::new(), closed: false }))
    }

    pub(super) fn take(&self) -> Option<Instance<W>> {
        self.lock().instances.pop()
    }

    /// Keeps an instance for the next call, unless the pool is closed.
    pub(super) fn give(&self, instance: Instance<W>) {
        let mut idle = self.lock();
        if !idle.closed {
            idle.instances.push(instance);
            return;
        }
        drop(idle);
        drop(instance);
    }

    pub(super) fn idle(&self) -> usize {
        self.lock().instances.len()
    }

    /// Lets every idle instance go, and those that come back later.
    pub(super) fn close(&self) {
        let mut idle = self.lock();
        idle.closed = true;
        let gone = std::mem::take(&mut idle.instances);
        drop(idle);
        drop(gone);
    }

    /// Keeps instances again.
    pub(super) fn open(&self) {
        self.lock().closed = false;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
