//! When uploads are purged beside a running server.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::config::Period;
use crate::config::storage::UploadPurging;
use crate::registry::Registry;

/// The first purge waits for at most so many minutes: replicas that start together should not purge together.
const DELAY_MINUTES_MAX: u64 = 59;
/// A purge lists every repository, so it does not run without a pause whatever the configuration says.
const INTERVAL_MIN: Duration = Duration::from_secs(60);

/// A plan of purges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeSchedule {
    /// How long the first one waits.
    pub delay: Duration,
    /// The time between two.
    pub interval: Duration,
    /// Uploads that began longer ago are purged.
    pub age: Duration,
    /// Only says what would be purged.
    pub dry_run: bool,
}

impl PurgeSchedule {
    /// The plan of `storage.maintenance.uploadpurging`; `None` when it is turned off. The delay is random, 0 to 59 minutes.
    pub fn from_config(config: &UploadPurging) -> Option<Self> {
        let mut random = [0; 8];
        // Without randomness the replicas purge at the same time, which is a waste and no more.
        let _ = getrandom::fill(&mut random);
        let minutes = u64::from_le_bytes(random) % (DELAY_MINUTES_MAX + 1);
        config.enabled.then(|| Self {
            delay: Duration::from_secs(minutes * 60),
            interval: config.interval.get().max(INTERVAL_MIN),
            age: config.age.get(),
            dry_run: config.dryrun,
        })
    }

    /// Starts it. The task ends when it is aborted or the runtime ends; it can be cut off at any point.
    pub fn start(self, registry: Arc<Registry>) -> JoinHandle<()> {
        let shown = Period::nanos(i64::try_from(self.delay.as_nanos()).unwrap_or(i64::MAX));
        tracing::info!("Starting upload purge in {shown}");
        tokio::spawn(async move {
            tokio::time::sleep(self.delay).await;
            loop {
                self.purge(&registry).await;
                tokio::time::sleep(self.interval).await;
            }
        })
    }

    async fn purge(&self, registry: &Registry) {
        let what = if self.dry_run { "would purge an upload (dry run)" } else { "purged an upload" };
        let mut report = |upload: &super::PurgedUpload<'_>| {
            let (repository, id) = (upload.repository.as_str(), upload.id);
            match upload.failed {
                None => tracing::info!(repository, upload = id, "{what}"),
                Some(error) => tracing::error!(repository, upload = id, %error, "an upload could not be purged"),
            }
        };
        match registry.purge_uploads(self.age, self.dry_run, &mut report).await {
            Ok(outcome) => {
                let super::PurgeOutcome { purged, kept, failed, unfinished } = outcome;
                tracing::info!(purged, kept, failed, unfinished = unfinished.purged, "upload purge finished");
            }
            Err(error) => tracing::error!(%error, "the upload purge failed; it is tried again after the interval"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_follows_the_configuration() {
        let config = UploadPurging { interval: Period::ZERO, ..UploadPurging::default() };
        let schedule = PurgeSchedule::from_config(&config).unwrap();
        assert!(schedule.delay <= Duration::from_secs(59 * 60) && schedule.delay.as_secs().is_multiple_of(60));
        assert_eq!((schedule.interval, schedule.age.as_secs()), (INTERVAL_MIN, 168 * 3600));
        assert_eq!(PurgeSchedule::from_config(&UploadPurging { enabled: false, ..config }), None);
    }

    #[tokio::test]
    async fn it_runs_again_and_again() {
        use crate::registry::RegistryOptions;
        use crate::storage::memory::MemoryStorage;
        use crate::storage::{Storage as _, WriteOptions, layout};

        let storage = Arc::new(MemoryStorage::new());
        let registry = Arc::new(Registry::new(storage.clone(), RegistryOptions::default()));
        let (soon, age) = (Duration::from_millis(1), Duration::from_secs(60));
        let task = PurgeSchedule { delay: soon, interval: soon, age, dry_run: false }.start(registry);
        let key = layout::upload_started_at(&"a".parse().unwrap(), "x");
        for _run in 0..2 {
            storage.put(&key, "2001-01-01T00:00:00Z".into(), WriteOptions::default()).await.unwrap();
            crate::patience::until(async || storage.stat(&key).await.is_err()).await;
        }
        task.abort();
    }
}
