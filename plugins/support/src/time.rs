//! Clocks.

use crate::wasi::clocks::{monotonic_clock, wall_clock};

/// Now, in milliseconds since 1970-01-01T00:00:00Z.
pub fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
}

/// Waits, inside the host, where an instance costs no CPU.
pub fn sleep_ms(milliseconds: u64) {
    monotonic_clock::subscribe_duration(milliseconds.saturating_mul(1_000_000)).block();
}
