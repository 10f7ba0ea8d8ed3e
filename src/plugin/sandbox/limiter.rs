//! What an instance may take of memory and tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use wasmtime::ResourceLimiter;

use crate::config::plugin::PluginLimits;
use crate::telemetry::metrics::PluginMetrics;

/// Counts what one store's memories and tables grow to, and refuses what is beyond the limits. A guest that is refused memory
/// ends itself by a trap that says nothing, so the refusal is remembered in [`Passed`].
pub struct Limiter {
    memory_bytes_max: u64,
    memory_bytes: u64,
    table_elements_max: u64,
    table_elements: u64,
    passed: Arc<Passed>,
    metrics: Arc<PluginMetrics>,
}

/// Which limits an instance has run into.
#[derive(Debug, Default)]
pub struct Passed(AtomicU8);

const MEMORY: u8 = 1;
const TABLES: u8 = 2;

impl Passed {
    /// Memory.
    pub fn memory(&self) -> bool {
        self.0.load(Relaxed) & MEMORY != 0
    }

    /// Table elements.
    pub fn tables(&self) -> bool {
        self.0.load(Relaxed) & TABLES != 0
    }
}

impl Limiter {
    /// For one store. The store's data owns it; what it took is given back when it is dropped.
    pub fn new(limits: &PluginLimits, metrics: Arc<PluginMetrics>) -> Self {
        metrics.instance_made();
        Self {
            memory_bytes_max: limits.memory_bytes_max.get(),
            memory_bytes: 0,
            table_elements_max: u64::from(limits.table_elements_max),
            table_elements: 0,
            passed: Arc::default(),
            metrics,
        }
    }

    /// Which limits were passed; stays valid when the store is gone.
    pub fn passed(&self) -> Arc<Passed> {
        Arc::clone(&self.passed)
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.metrics.instance_gone(self.memory_bytes);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let by = desired.saturating_sub(current) as u64;
        let total = self.memory_bytes.saturating_add(by);
        if total > self.memory_bytes_max {
            self.passed.0.fetch_or(MEMORY, Relaxed);
            return Ok(false);
        }
        self.memory_bytes = total;
        self.metrics.memory_grown(by, total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current) as u64);
        if total > self.table_elements_max {
            self.passed.0.fetch_or(TABLES, Relaxed);
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ByteSize;

    #[test]
    fn memories_and_tables_are_counted_together_and_given_back() {
        let metrics = Arc::new(PluginMetrics::new("test"));
        let limits =
            PluginLimits { memory_bytes_max: ByteSize::new(100), table_elements_max: 10, ..PluginLimits::default() };
        let mut limiter = Limiter::new(&limits, Arc::clone(&metrics));
        let passed = limiter.passed();
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!passed.memory());
        assert!(!limiter.memory_growing(60, 61, None).unwrap());
        assert!(passed.memory() && !passed.tables());
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert!(passed.tables());
        assert_eq!(metrics.instances(), 1);
        drop(limiter);
        assert_eq!(metrics.instances(), 0);
    }
}
