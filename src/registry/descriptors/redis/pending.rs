//! What is to be forgotten in Redis: under way, or not possible yet because it was away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{DescriptorKey, Inner};

/// Removals that are remembered, of some 300 bytes each. With more, nothing is believed for as long as an entry counts.
const REMOVALS_MAX: usize = 10_000;
/// How many are tried again in a row, and how long is waited between.
const AGAIN_MAX: usize = 100;
const AGAIN_EVERY: Duration = Duration::from_millis(500);

/// Removals that Redis has not confirmed. Until it has, its entries for them do not count here.
#[derive(Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    failed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    removals: HashMap<DescriptorKey, Removal>,
    /// Until then nothing is believed: a removal had no place here.
    deaf_until: Option<Instant>,
}

#[derive(Default)]
struct Removal {
    under_way: u32,
    failed: bool,
}

impl Pending {
    /// Whether Redis may still have what was removed.
    pub(super) fn has(&self, key: &DescriptorKey, now: Instant) -> bool {
        let state = self.lock();
        state.deaf_until.is_some_and(|until| now < until) || state.removals.contains_key(key)
    }

    /// A removal begins.
    pub(super) fn begin(&self, key: &DescriptorKey, now: Instant, age_max: Duration) {
        let mut state = self.lock();
        if let Some(removal) = state.removals.get_mut(key) {
            removal.under_way += 1;
        } else if state.removals.len() < REMOVALS_MAX {
            state.removals.insert(key.clone(), Removal { under_way: 1, failed: false });
        } else {
            state.deaf_until = Some(now + age_max);
        }
    }

    /// A removal has ended. One that was confirmed stands for those that failed before it.
    pub(super) fn end(&self, key: &DescriptorKey, confirmed: bool) {
        let mut state = self.lock();
        let Some(removal) = state.removals.get_mut(key) else { return };
        removal.under_way = removal.under_way.saturating_sub(1);
        removal.failed = !confirmed;
        if confirmed && removal.under_way == 0 {
            state.removals.remove(key);
        }
        if !confirmed {
            self.failed.notify_one();
        }
    }

    /// Some that failed, and that nobody is at work on.
    fn failed(&self) -> Vec<DescriptorKey> {
        let state = self.lock();
        let failed = state.removals.iter().filter(|(_, removal)| removal.failed && removal.under_way == 0);
        failed.take(AGAIN_MAX).map(|(key, _)| key.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries removals that failed again, once Redis is back. Runs for as long as the cache is in use.
pub(super) async fn forget_later(inner: Weak<Inner>) {
    let Some(failed) = inner.upgrade().map(|inner| Arc::clone(&inner.pending.failed)) else { return };
    loop {
        // Also looks now and then whether the cache is still in use.
        let _ = tokio::time::timeout(Duration::from_secs(60), failed.notified()).await;
        loop {
            let Some(inner) = inner.upgrade() else { return };
            let keys = inner.pending.failed();
            if keys.is_empty() {
                break;
            }
            for key in keys.iter().filter(|_| inner.redis.is_there()) {
                inner.forget_pending(key).await;
            }
            drop(inner);
            tokio::time::sleep(AGAIN_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Algorithm, Hasher};

    const AGE_MAX: Duration = Duration::from_secs(30);

    fn key(number: usize) -> DescriptorKey {
        let digest = Hasher::digest(Algorithm::CANONICAL, &number.to_le_bytes());
        DescriptorKey::blob(&"library/app".parse().unwrap(), &digest)
    }

    #[test]
    fn a_removal_counts_until_it_is_confirmed() {
        let (pending, now, key) = (Pending::default(), Instant::now(), key(0));
        pending.begin(&key, now, AGE_MAX);
        assert!(pending.has(&key, now) && pending.failed().is_empty());
        pending.begin(&key, now, AGE_MAX);
        pending.end(&key, false);
        assert!(pending.failed().is_empty(), "the other one is still under way");
        pending.end(&key, true);
        assert!(!pending.has(&key, now), "what is confirmed stands for both");
        pending.begin(&key, now, AGE_MAX);
        pending.end(&key, false);
        assert_eq!(pending.failed(), std::slice::from_ref(&key));
        pending.begin(&key, now, AGE_MAX);
        pending.end(&key, true);
        assert!(!pending.has(&key, now) && pending.failed().is_empty());
    }

    #[test]
    fn with_too_many_removals_nothing_is_believed() {
        let (pending, now) = (Pending::default(), Instant::now());
        for number in 0..=REMOVALS_MAX {
            pending.begin(&key(number), now, AGE_MAX);
            pending.end(&key(number), false);
        }
        assert!(pending.has(&key(REMOVALS_MAX + 7), now));
        assert!(!pending.has(&key(REMOVALS_MAX + 7), now + AGE_MAX));
        assert!(pending.has(&key(3), now + AGE_MAX));
    }
}
