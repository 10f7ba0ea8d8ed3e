//! When a plugin that keeps failing is left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::plugin::error::Fault;

/// Backoff is doubled so often at most.
const DOUBLINGS_MAX: u32 = 6;

/// Counts failures in a row. After `failures_max` of them it is open: nothing is called for the backoff. Then one call is tried;
/// if it succeeds all is well again, else the backoff is twice as long.
pub(super) struct Breaker {
    failures_max: u32,
    backoff: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// Openings in a row.
    openings: u32,
    open_until: Option<Instant>,
    /// The backoff is over, and one call is being tried.
    trying: bool,
}

impl State {
    fn refuse(&self, now: Instant) -> Result<(), Fault> {
        let retry_after = self.open_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if retry_after.is_zero() { Ok(()) } else { Err(Fault::Failing { failures: self.failures, retry_after }) }
    }
}

/// What a failure or success changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It is out of service from now on.
    Opened(Duration),
    /// It is in service again.
    Closed,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, backoff: Duration) -> Self {
        Self { failures_max: failures_max.max(1), backoff, state: Mutex::default() }
    }

    /// Whether a call may be made now.
    pub(super) fn check(&self, now: Instant) -> Result<(), Fault> {
        let mut state = self.lock();
        state.refuse(now)?;
        if state.open_until.is_none() {
            return Ok(());
        }
        // This call is the try; until it has ended, others are refused as before.
        state.open_until = Some(now + self.backoff);
        state.trying = true;
        Ok(())
    }

    /// The same without taking the one try.
    pub(super) fn peek(&self, now: Instant) -> Result<(), Fault> {
        self.lock().refuse(now)
    }

    /// Whether it is out of service.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.lock().open_until.is_some_and(|until| until > now)
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.lock().failures
    }

    pub(super) fn succeeded(&self) -> Change {
        let mut state = self.lock();
        if state.failures == 0 {
            return Change::None;
        }
        let was_open = state.open_until.is_some();
        *state = State::default();
        if was_open { Change::Closed } else { Change::None }
    }

    pub(super) fn failed(&self, now: Instant) -> Change {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures < self.failures_max {
            return Change::None;
        }
        let was_open = state.open_until.is_some();
        // Calls that were under way when it opened fail one after the other; they are one opening.
        if was_open && !state.trying {
            return Change::None;
        }
        let backoff = self.backoff.saturating_mul(1 << state.openings.min(DOUBLINGS_MAX));
        state.openings = state.openings.saturating_add(1);
        state.open_until = Some(now + backoff);
        state.trying = false;
        if was_open { Change::None } else { Change::Opened(backoff) }
    }

    /// For a new version, which has not failed yet.
    pub(super) fn reset(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Duration = Duration::from_secs(1);

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let (breaker, now) = (Breaker::new(3, BACKOFF), Instant::now());
        for _ in 0..5 {
            assert_eq!(breaker.failed(now), Change::None);
            assert_eq!(breaker.failed(now), Change::None);
            assert_eq!(breaker.succeeded(), Change::None);
        }
        assert_eq!(breaker.failed(now), Change::None);
        assert_eq!(breaker.failed(now), Change::None);
        assert_eq!(breaker.failed(now), Change::Opened(BACKOFF));
        let refused = breaker.check(now).unwrap_err();
        assert!(matches!(refused, Fault::Failing { failures: 3, retry_after } if retry_after == BACKOFF));
    }

    #[test]
    fn one_call_is_tried_after_the_backoff_and_decides() {
        let (breaker, start) = (Breaker::new(1, BACKOFF), Instant::now());
        assert_eq!(breaker.failed(start), Change::Opened(BACKOFF));
        let later = start + BACKOFF;
        assert!(breaker.check(later).is_ok());
        assert!(breaker.check(later).is_err(), "the try is still under way");
        assert_eq!(breaker.failed(later), Change::None);
        assert!(breaker.check(later + BACKOFF).is_err(), "the second backoff is twice as long");
        let again = later + 2 * BACKOFF;
        assert!(breaker.check(again).is_ok());
        assert_eq!(breaker.succeeded(), Change::Closed);
        assert!(breaker.check(again).is_ok());
        assert!(!breaker.is_open(again));
    }

    #[test]
    fn the_backoff_has_an_end() {
        let (breaker, mut now) = (Breaker::new(1, BACKOFF), Instant::now());
        for _ in 0..100 {
            breaker.failed(now);
            now += BACKOFF * 64;
            assert!(breaker.check(now).is_ok());
        }
    }
}
