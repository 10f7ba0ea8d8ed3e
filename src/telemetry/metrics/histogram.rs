//! A histogram without a lock, for what is observed on every request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Counts of observations up to each bound. Observing costs two atomic additions and one search.
#[derive(Debug)]
pub(super) struct Histogram {
    /// Upper bounds, inclusive, ascending; the last bucket has none.
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// What one unit of an observed value is worth in the metric's unit: 1e-9 when nanoseconds are told as seconds.
    scale: f64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64], scale: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0), scale }
    }

    pub(super) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.load(Relaxed) == 0)
    }

    #[allow(clippy::cast_precision_loss, reason = "a metric is a floating-point number")]
    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 * self.scale).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().map(|count| count.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.sum.load(Relaxed) as f64 * self.scale;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&[10, 20], 1.0);
        assert!(histogram.is_empty());
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.observe(value);
        }
        let counts: Vec<u64> = histogram.counts.iter().map(|count| count.load(Relaxed)).collect();
        assert_eq!(counts, [2, 2, 2]);
        assert_eq!(histogram.sum.load(Relaxed), 1062);
    }
}
