//! A bound on log records: a storm of them must not push everything else out of a queue.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// So many records of one kind within any second.
const RECORDS_PER_SECOND_MAX: u32 = 100;

/// Counts records second by second.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Option<(Instant, u32)>>);

impl Rate {
    /// Whether there is room for one more.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some((start, count)) if now.saturating_duration_since(*start) < Duration::from_secs(1) => {
                *count = count.saturating_add(1);
                *count <= RECORDS_PER_SECOND_MAX
            }
            window => {
                *window = Some((now, 1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_second_begins_anew() {
        let (rate, now) = (Rate::default(), Instant::now());
        let allowed = (0..1000).filter(|_| rate.allows(now)).count();
        assert_eq!(allowed, 100);
        assert!(rate.allows(now + Duration::from_secs(1)));
    }
}
