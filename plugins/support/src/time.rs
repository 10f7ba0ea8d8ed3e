//! Clocks.

use crate::wasi::clocks::{monotonic_clock, wall_clock};
use crate::wasi::io::poll::{Pollable, poll};

/// Now, in milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
}

/// Waits, inside the host, where an instance costs no CPU.
pub fn sleep_ms(milliseconds: u64) {
    monotonic_clock::subscribe_duration(milliseconds.saturating_mul(1_000_000)).block();
}

/// A point in time until which something may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at_ns: u64,
}

impl Deadline {
    /// So many milliseconds from now.
    pub fn after_ms(milliseconds: u64) -> Self {
        Self { at_ns: monotonic_clock::now().saturating_add(milliseconds.saturating_mul(1_000_000)) }
    }

    /// Waits for something, and says whether it came in time.
    pub fn wait_for(&self, awaited: &Pollable) -> bool {
        if awaited.ready() {
            return true;
        }
        let alarm = monotonic_clock::subscribe_instant(self.at_ns);
        poll(&[awaited, &alarm]).contains(&0)
    }
}
