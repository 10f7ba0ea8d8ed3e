//! Counts the bytes that a call sends and receives.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The bytes of one call, and how many there may be.
#[derive(Debug)]
pub struct Meter {
    outgoing: AtomicU64,
    incoming: AtomicU64,
    outgoing_bytes_max: u64,
    incoming_bytes_max: u64,
}

impl Meter {
    /// With these limits for each call.
    pub fn new(outgoing_bytes_max: u64, incoming_bytes_max: u64) -> Self {
        Self { outgoing: AtomicU64::new(0), incoming: AtomicU64::new(0), outgoing_bytes_max, incoming_bytes_max }
    }

    /// A new call begins.
    pub fn reset(&self) {
        self.outgoing.store(0, Relaxed);
        self.incoming.store(0, Relaxed);
    }

    /// Counts bytes on their way out; `false` when they are too many.
    #[must_use]
    pub fn send(&self, bytes: usize) -> bool {
        add(&self.outgoing, bytes) <= self.outgoing_bytes_max
    }

    /// Counts bytes that came in; `false` when they are too many.
    #[must_use]
    pub fn receive(&self, bytes: usize) -> bool {
        add(&self.incoming, bytes) <= self.incoming_bytes_max
    }

    /// How many bytes a call may send.
    pub fn outgoing_bytes_max(&self) -> u64 {
        self.outgoing_bytes_max
    }

    /// How many bytes a call may receive.
    pub fn incoming_bytes_max(&self) -> u64 {
        self.incoming_bytes_max
    }
}

fn add(counter: &AtomicU64, bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    counter.fetch_add(bytes, Relaxed).saturating_add(bytes)
}
