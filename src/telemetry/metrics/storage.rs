//! Metrics of the storage backend and of the cache in front of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::histogram::Histogram;
use super::{DURATION_BOUNDS_NANOS, NANO};

/// What a backend does: the label `action`, by the names of `distribution` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the storage trait's methods")]
pub enum StorageAction {
    Stat,
    Get,
    Read,
    Write,
    Put,
    Commit,
    Delete,
    List,
    Copy,
    Assemble,
    Url,
}

const ACTIONS: [&str; 11] =
    ["Stat", "GetContent", "Reader", "Writer", "PutContent", "Commit", "Delete", "List", "Copy", "Move", "RedirectURL"];

/// How long a backend's operations take, failed ones included.
#[derive(Debug, Clone)]
pub struct StorageMetrics(Arc<PerDriver>);

#[derive(Debug)]
struct PerDriver {
    driver: String,
    actions: [Histogram; ACTIONS.len()],
}

impl StorageMetrics {
    /// For the backend of this name.
    pub(super) fn new(driver: &str) -> Self {
        let actions = std::array::from_fn(|_| Histogram::new(&DURATION_BOUNDS_NANOS, NANO));
        Self(Arc::new(PerDriver { driver: driver.to_owned(), actions }))
    }

    /// An operation has ended.
    pub fn finish(&self, action: StorageAction, duration: Duration) {
        self.0.actions[action as usize].observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Collector for StorageMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let name = "registry_storage_action";
        let help = "Time that operations of the storage backend took";
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (histogram, action) in self.0.actions.iter().zip(ACTIONS) {
            if !histogram.is_empty() {
                histogram.encode(metric.encode_family(&[("action", action), ("driver", &*self.0.driver)])?)?;
            }
        }
        Ok(())
    }
}

/// Counts of a cache. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct CacheMetrics(Arc<CacheCounts>);

#[derive(Debug, Default)]
struct CacheCounts {
    hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
}

impl CacheMetrics {
    /// The cache had what was asked for.
    pub fn hit(&self) {
        self.0.hits.fetch_add(1, Relaxed);
    }

    /// It had not.
    pub fn miss(&self) {
        self.0.misses.fetch_add(1, Relaxed);
    }

    /// It could not be asked.
    pub fn error(&self) {
        self.0.errors.fetch_add(1, Relaxed);
    }
}

impl Collector for CacheMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let [hits, misses, errors] = [&self.0.hits, &self.0.misses, &self.0.errors].map(|count| count.load(Relaxed));
        for (name, help, count) in [
            ("registry_storage_cache_requests", "Questions to the cache", hits + misses + errors),
            ("registry_storage_cache_hits", "Questions that the cache could answer", hits),
            ("registry_storage_cache_errors", "Questions that failed", errors),
        ] {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }
}
