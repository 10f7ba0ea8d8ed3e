//! Metrics of the Redis that caches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::NANO;
use super::histogram::Histogram;

/// What Redis is asked for: the label `operation`, by the names of `distribution` where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisOperation {
    /// Looking a repository's descriptor up.
    Stat,
    /// Keeping one.
    Set,
    /// Forgetting one.
    Clear,
}

const OPERATIONS: [&str; 3] = ["RepoStat", "RepoSetDescriptor", "RepoClear"];

/// 100 µs to 1 s: Redis answers faster than a storage does.
const BOUNDS_NANOS: [u64; 9] =
    [100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000, 50_000_000, 250_000_000, 1_000_000_000];

/// How long commands take, failed ones included, and whether Redis is there. Clones count together.
#[derive(Debug, Clone)]
pub struct RedisMetrics(Arc<Measured>);

#[derive(Debug)]
struct Measured {
    operations: [Histogram; OPERATIONS.len()],
    up: AtomicBool,
}

impl Default for RedisMetrics {
    fn default() -> Self {
        let operations = std::array::from_fn(|_| Histogram::new(&BOUNDS_NANOS, NANO));
        Self(Arc::new(Measured { operations, up: AtomicBool::new(false) }))
    }
}

impl RedisMetrics {
    /// A command has ended.
    pub fn finish(&self, operation: RedisOperation, duration: Duration) {
        self.0.operations[operation as usize].observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Redis is there, or away.
    pub fn set_up(&self, up: bool) {
        self.0.up.store(up, Relaxed);
    }
}

impl Collector for RedisMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let up = i64::from(self.0.up.load(Relaxed));
        let help = "Whether Redis answered when it was last asked";
        let mut metric = encoder.encode_descriptor("registry_redis_up", help, None, MetricType::Gauge)?;
        metric.encode_gauge(&up)?;
        let (name, help) = ("registry_storage_cache_redis", "Time that commands to Redis took");
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (histogram, operation) in self.0.operations.iter().zip(OPERATIONS) {
            if !histogram.is_empty() {
                histogram.encode(metric.encode_family(&[("operation", operation)])?)?;
            }
        }
        Ok(())
    }
}
