//! A breaker: after many failures in a row a store is left alone for a while, and whoever asks is told so at once.
//!
//! It spares the store the requests that keep it from coming back, and the clients the wait for what will fail. After the pause
//! one request goes out; what becomes of it decides for all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::metrics::BreakerState;

/// The breaker of one store.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Requests go out; so many failed in a row.
    Closed { failures: u32 },
    /// None goes out until then.
    Open { until: Instant },
    /// One is out, the others are refused.
    Trying,
}

/// What came of an attempt, if it changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    None,
    Opened,
    Closed,
}

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self { failures_max: failures_max.max(1), pause, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to send one request, or how long none will be sent.
    pub(super) fn enter(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => Ok(Pass { breaker: self, is_trial: false, told: false }),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } => {
                *state = State::Trying;
                Ok(Pass { breaker: self, is_trial: true, told: false })
            }
            State::Trying => Err(self.pause),
        }
    }

    /// How it stands, for the metrics.
    pub(super) fn state(&self) -> BreakerState {
        match *self.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Trying => BreakerState::Trying,
        }
    }
}

/// One request that was let through. Dropped untold, as when the client has gone away meanwhile, it says nothing about the store.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
    told: bool,
}

impl Pass<'_> {
    /// The store has answered sensibly.
    pub(super) fn succeeded(mut self) -> Turn {
        self.told = true;
        let mut state = self.breaker.lock();
        match *state {
            State::Trying if self.is_trial => {
                *state = State::Closed { failures: 0 };
                Turn::Closed
            }
            State::Closed { .. } => {
                *state = State::Closed { failures: 0 };
                Turn::None
            }
            // Begun before it opened: old news.
            _ => Turn::None,
        }
    }

    /// It has not, or has said that it can't.
    pub(super) fn failed(mut self, now: Instant) -> Turn {
        self.told = true;
        let open = State::Open { until: now + self.breaker.pause };
        let mut state = self.breaker.lock();
        match *state {
            State::Trying if self.is_trial => {
                *state = open;
                Turn::None
            }
            State::Closed { failures } if failures + 1 >= self.breaker.failures_max => {
                *state = open;
                Turn::Opened
            }
            State::Closed { failures } => {
                *state = State::Closed { failures: failures + 1 };
                Turn::None
            }
            _ => Turn::None,
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_trial && !self.told {
            // The next one who asks may try.
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    fn fail(breaker: &Breaker, now: Instant) -> Turn {
        breaker.enter(now).unwrap().failed(now)
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_only() {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now());
        assert_eq!([fail(&breaker, now), fail(&breaker, now)], [Turn::None, Turn::None]);
        assert_eq!(breaker.enter(now).unwrap().succeeded(), Turn::None);
        assert_eq!([fail(&breaker, now), fail(&breaker, now)], [Turn::None, Turn::None]);
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(fail(&breaker, now), Turn::Opened);
        assert_eq!(breaker.enter(now).unwrap_err(), PAUSE);
        assert_eq!(breaker.enter(now + PAUSE / 5).unwrap_err(), PAUSE * 4 / 5);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn after_the_pause_one_request_decides() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        fail(&breaker, now);
        let later = now + PAUSE;
        let trial = breaker.enter(later).unwrap();
        assert!(breaker.enter(later).is_err(), "a second one goes out");
        assert_eq!(trial.failed(later), Turn::None);
        assert_eq!(breaker.enter(later).unwrap_err(), PAUSE);
        let trial = breaker.enter(later + PAUSE).unwrap();
        assert_eq!((breaker.state(), trial.succeeded()), (BreakerState::Trying, Turn::Closed));
        assert!(breaker.enter(later + PAUSE).is_ok());
    }

    #[test]
    fn a_trial_that_nobody_waits_for_leaves_the_place_to_the_next() {
        let (breaker, now) = (Breaker::new(1, Duration::ZERO), Instant::now());
        fail(&breaker, now);
        drop(breaker.enter(now).unwrap());
        assert!(breaker.enter(Instant::now()).is_ok());
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_close_it() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        let (old, older) = (breaker.enter(now).unwrap(), breaker.enter(now).unwrap());
        fail(&breaker, now);
        assert_eq!((old.succeeded(), older.failed(now + PAUSE)), (Turn::None, Turn::None));
        assert_eq!(breaker.enter(now).unwrap_err(), PAUSE);
    }
}
