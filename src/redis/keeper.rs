//! Who looks after the connection: makes it, waits until it is lost, and makes another one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::connect::Connection;
use super::{Shared, describe};

/// After so long without a fault, the next pause is the shortest again. Until then pauses grow, so that a Redis that comes and
/// goes is not tried, and not logged, at every turn.
const CALM: Duration = Duration::from_secs(60);
/// How long the keeper sleeps at most before it looks whether it is still needed.
const NAP_MAX: Duration = Duration::from_secs(60);

/// The connection in use, and how many were made so far.
#[derive(Default)]
pub(super) struct Slot(RwLock<(Option<Connection>, u64)>);

impl Slot {
    /// The connection and its number; `None` while Redis is away.
    pub(super) fn get(&self) -> Option<(Connection, u64)> {
        let slot = self.0.read().unwrap_or_else(PoisonError::into_inner);
        slot.0.clone().map(|connection| (connection, slot.1))
    }

    /// The number of the last connection.
    pub(super) fn made(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Removes the connection of this number. False when it was removed before.
    pub(super) fn take(&self, made: u64) -> bool {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        slot.1 == made && slot.0.take().is_some()
    }

    /// Puts a new connection in.
    fn put(&self, connection: Connection) {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *slot = (Some(connection), slot.1 + 1);
    }
}

/// Runs for as long as somebody holds the handle. `lost` wakes it when the connection was taken out of use.
pub(super) async fn keep(shared: Weak<Shared>, lost: Arc<Notify>) {
    let (mut failures, mut told) = (0_u32, false);
    while let Some(strong) = shared.upgrade() {
        let connected = Instant::now();
        match make(&strong).await {
            Ok(connection) => {
                install(&strong, connection);
                told = false;
                drop(strong);
                let was_lost = watch(&shared, &lost, connected).await;
                if !was_lost || connected.elapsed() > CALM {
                    failures = 0;
                }
                if !was_lost {
                    continue;
                }
            }
            Err(reason) => {
                // Lost ones are logged by whoever noticed; this is for a Redis that was never there.
                if strong.slot.made() == 0 && !told {
                    let place = strong.target.place();
                    tracing::warn!(reason, "Redis at {place} is not there: the storage is asked until it comes");
                } else {
                    tracing::debug!(reason, "Redis is still away");
                }
                told = true;
            }
        }
        let Some(strong) = shared.upgrade() else { return };
        let pause = pause(strong.settings.pause_min, strong.settings.pause_max, failures);
        drop(strong);
        failures = failures.saturating_add(1);
        tokio::time::sleep(pause).await;
    }
}

fn install(shared: &Shared, connection: Connection) {
    let (was_there, made, place) = (shared.slot.get().is_some(), shared.slot.made(), shared.target.place());
    shared.slot.put(connection);
    shared.metrics.set_up(true);
    match (was_there, made) {
        (true, _) => {}
        (false, 0) => tracing::info!("Redis at {place} answers"),
        (false, _) => tracing::info!("Redis at {place} is back"),
    }
}

async fn make(shared: &Shared) -> Result<Connection, String> {
    let time_max = shared.settings.connect_time_max;
    match tokio::time::timeout(time_max, shared.target.connect(&shared.settings)).await {
        Ok(made) => made.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer within {time_max:?}")),
    }
}

/// Waits until the connection is lost (true), or is to be made anew because of its age or because nobody used it (false).
async fn watch(shared: &Weak<Shared>, lost: &Notify, connected: Instant) -> bool {
    // The handle is not held while sleeping, or it would never end.
    while let Some(strong) = shared.upgrade() {
        if strong.slot.get().is_none() {
            return true;
        }
        let now = Instant::now();
        let used = Duration::from_millis(strong.used.load(Ordering::Relaxed));
        let idle = now.duration_since(strong.started).saturating_sub(used).min(now - connected);
        let left = |max: Option<Duration>, spent: Duration| max.map_or(NAP_MAX, |max| max.saturating_sub(spent));
        let nap = left(strong.settings.idle_max, idle).min(left(strong.settings.age_max, now - connected)).min(NAP_MAX);
        drop(strong);
        if nap.is_zero() {
            return false;
        }
        let _ = tokio::time::timeout(nap, lost.notified()).await;
    }
    false
}

/// Doubled with each failure, and anything between its half and its whole, so that replicas do not come back all at once.
fn pause(min: Duration, max: Duration, failures: u32) -> Duration {
    let whole = min.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(max);
    let mut random = [0; 4];
    // Without random numbers it is the whole.
    let share = getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_le_bytes(random));
    whole / 2 + whole.mul_f64(f64::from(share) / f64::from(u32::MAX)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(5));
        for failures in [0, 1, 5, 6, 31, 32, u32::MAX] {
            let whole = min.saturating_mul(2_u32.saturating_pow(failures)).min(max);
            let pause = pause(min, max, failures);
            assert!(pause >= whole / 2 && pause <= whole, "{failures}: {pause:?}");
        }
        let pauses: std::collections::HashSet<Duration> = (0..20).map(|_| pause(min, max, 9)).collect();
        assert!(pauses.len() > 1);
    }
}
