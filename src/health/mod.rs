//! Health checks: while one fails, every request is answered 503, so that whoever balances load looks elsewhere.

mod checks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state of all checks.
#[derive(Debug, Default)]
pub struct Health {
    /// How many checks fail now; what a request looks at.
    failing: AtomicUsize,
    checks: Mutex<BTreeMap<String, Check>>,
}

#[derive(Debug, Default)]
struct Check {
    /// Failures in a row.
    failures: u32,
    /// Why it fails, when it counts as failing.
    reason: Option<String>,
}

impl Health {
    /// Without any check: healthy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether any check fails. Costs one read of memory.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed) > 0
    }

    /// The failing checks and why.
    pub fn report(&self) -> BTreeMap<String, String> {
        let checks = self.lock();
        checks.iter().filter_map(|(name, check)| Some((name.clone(), check.reason.clone()?))).collect()
    }

    /// Notes the outcome of a check. It counts as failing after `threshold` failures in a row; 0 is the first.
    pub fn note(&self, name: &str, threshold: u32, outcome: Result<(), String>) {
        let mut checks = self.lock();
        let check = checks.entry(name.to_owned()).or_default();
        let was_failing = check.reason.is_some();
        match outcome {
            Ok(()) => {
                *check = Check::default();
                if was_failing {
                    tracing::info!(check = name, "health check succeeds again");
                }
            }
            Err(reason) => {
                check.failures = check.failures.saturating_add(1);
                if check.failures >= threshold.max(1) {
                    if !was_failing {
                        tracing::error!(
                            check = name,
                            reason,
                            "health check fails; requests are answered 503 meanwhile"
                        );
                    }
                    check.reason = Some(reason);
                }
            }
        }
        let failing = checks.values().filter(|check| check.reason.is_some()).count();
        self.failing.store(failing, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Check>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_fails_at_its_threshold_and_recovers_at_once() {
        let health = Health::new();
        let fail = || Err("away".to_owned());
        health.note("a", 3, fail());
        health.note("a", 3, fail());
        assert!(!health.is_failing());
        health.note("a", 3, fail());
        health.note("b", 0, fail());
        assert!(health.is_failing());
        assert_eq!(
            health.report().into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "away".to_owned()), ("b".to_owned(), "away".to_owned())]
        );
        health.note("a", 3, Ok(()));
        assert!(health.is_failing());
        health.note("b", 0, Ok(()));
        assert!(!health.is_failing() && health.report().is_empty());
    }
}
