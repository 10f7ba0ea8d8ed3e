//! Metrics of plugins: one set per plugin, told apart by the label `plugin`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::NANO;
use super::histogram::Histogram;

/// 10 µs, which a warm call of a small component takes, to 30 s.
const DURATION_BOUNDS_NANOS: [u64; 14] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    25_000_000,
    100_000_000,
    500_000_000,
    2_500_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Why a call of a plugin failed: the label `case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginFault {
    /// It took too long.
    Time,
    /// It wanted more memory than it may have.
    Memory,
    /// It wanted larger tables than it may have.
    Tables,
    /// It trapped: a panic, a stack that grew too deep, an invalid access.
    Trap,
    /// A new instance did not start.
    Start,
    /// No instance was free in time.
    Busy,
    /// It is out of service because it kept failing.
    Failing,
    /// It answered with an error of its own.
    Answer,
}

const FAULTS: [&str; 8] = ["time", "memory", "tables", "trap", "start", "busy", "failing", "answer"];

/// What one plugin does.
#[derive(Debug)]
pub struct PluginMetrics {
    plugin: String,
    calls: Histogram,
    faults: [AtomicU64; FAULTS.len()],
    instances: AtomicU64,
    memory_bytes: AtomicU64,
    memory_bytes_highest: AtomicU64,
    restarts: AtomicU64,
    refusals: AtomicU64,
    log_lines_dropped: AtomicU64,
    swaps: AtomicU64,
    swaps_failed: AtomicU64,
}

impl PluginMetrics {
    /// For a plugin of this name, shown nowhere; see [`PluginsMetrics::plugin`].
    pub fn new(plugin: &str) -> Self {
        Self {
            plugin: plugin.to_owned(),
            calls: Histogram::new(&DURATION_BOUNDS_NANOS, NANO),
            faults: Default::default(),
            instances: AtomicU64::new(0),
            memory_bytes: AtomicU64::new(0),
            memory_bytes_highest: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            log_lines_dropped: AtomicU64::new(0),
            swaps: AtomicU64::new(0),
            swaps_failed: AtomicU64::new(0),
        }
    }

    /// A call has ended, well or not.
    pub fn called(&self, duration: Duration) {
        self.calls.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A call has failed.
    pub fn failed(&self, fault: PluginFault) {
        self.faults[fault as usize].fetch_add(1, Relaxed);
    }

    /// How many calls have failed so.
    pub fn failures(&self, fault: PluginFault) -> u64 {
        self.faults[fault as usize].load(Relaxed)
    }

    /// An instance was made.
    pub fn instance_made(&self) {
        self.instances.fetch_add(1, Relaxed);
    }

    /// An instance is gone, and with it so much memory.
    pub fn instance_gone(&self, memory_bytes: u64) {
        self.instances.fetch_sub(1, Relaxed);
        self.memory_bytes.fetch_sub(memory_bytes, Relaxed);
    }

    /// How many instances there are.
    pub fn instances(&self) -> u64 {
        self.instances.load(Relaxed)
    }

    /// An instance has grown by so much and has so much memory now.
    pub fn memory_grown(&self, by_bytes: u64, to_bytes: u64) {
        self.memory_bytes.fetch_add(by_bytes, Relaxed);
        self.memory_bytes_highest.fetch_max(to_bytes, Relaxed);
    }

    /// An instance was thrown away because a call of it failed.
    pub fn restarted(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    /// It reached for something that it was not granted.
    pub fn refused(&self) {
        self.refusals.fetch_add(1, Relaxed);
    }

    /// How often it reached for something that it was not granted.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Relaxed)
    }

    /// A line of its log was left out.
    pub fn log_line_dropped(&self) {
        self.log_lines_dropped.fetch_add(1, Relaxed);
    }

    /// Somebody wanted to replace it.
    pub fn swapped(&self, done: bool) {
        let count = if done { &self.swaps } else { &self.swaps_failed };
        count.fetch_add(1, Relaxed);
    }
}

/// The metrics of every plugin. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct PluginsMetrics(Arc<Mutex<Vec<Arc<PluginMetrics>>>>);

impl PluginsMetrics {
    /// The metrics of the plugin of this name, made when it is new.
    pub fn plugin(&self, name: &str) -> Arc<PluginMetrics> {
        let mut plugins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = plugins.iter().find(|known| known.plugin == name) {
            return Arc::clone(known);
        }
        let new = Arc::new(PluginMetrics::new(name));
        plugins.push(Arc::clone(&new));
        new
    }
}

/// Name, help, kind and value of a metric that is one number.
type Number = (&'static str, &'static str, MetricType, fn(&PluginMetrics) -> u64);

const NUMBERS: [Number; 8] = [
    ("wharf_plugin_instances", "Instances that exist", MetricType::Gauge, PluginMetrics::instances),
    ("wharf_plugin_memory_bytes", "Memory of all instances", MetricType::Gauge, |plugin| {
        plugin.memory_bytes.load(Relaxed)
    }),
    ("wharf_plugin_memory_highest_bytes", "The most memory that one instance ever had", MetricType::Gauge, |plugin| {
        plugin.memory_bytes_highest.load(Relaxed)
    }),
    ("wharf_plugin_restarts", "Instances thrown away because a call failed", MetricType::Counter, |plugin| {
        plugin.restarts.load(Relaxed)
    }),
    ("wharf_plugin_refusals", "Attempts to reach what was not granted", MetricType::Counter, PluginMetrics::refusals),
    ("wharf_plugin_log_lines_dropped", "Log lines beyond the limit", MetricType::Counter, |plugin| {
        plugin.log_lines_dropped.load(Relaxed)
    }),
    ("wharf_plugin_swaps", "Times that it was replaced", MetricType::Counter, |plugin| plugin.swaps.load(Relaxed)),
    ("wharf_plugin_swaps_failed", "Times that it could not be replaced", MetricType::Counter, |plugin| {
        plugin.swaps_failed.load(Relaxed)
    }),
];

impl Collector for PluginsMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let plugins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plugins.is_empty() {
            return Ok(());
        }
        let (name, help) = ("wharf_plugin_call", "Time that calls of a plugin took");
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for plugin in plugins.iter() {
            plugin.calls.encode(metric.encode_family(&[("plugin", &*plugin.plugin)])?)?;
        }
        let (name, help) = ("wharf_plugin_errors", "Calls of a plugin that failed");
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for plugin in plugins.iter() {
            for (fault, count) in FAULTS.iter().zip(&plugin.faults) {
                let labels = [("plugin", &*plugin.plugin), ("case", fault)];
                let mut family = metric.encode_family(&labels)?;
                family.encode_counter::<prometheus_client::encoding::NoLabelSet, _, u64>(&count.load(Relaxed), None)?;
            }
        }
        for (name, help, kind, value) in NUMBERS {
            let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
            for plugin in plugins.iter() {
                let labels = [("plugin", &*plugin.plugin)];
                let mut family = metric.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => family
                        .encode_counter::<prometheus_client::encoding::NoLabelSet, _, u64>(&value(plugin), None)?,
                    _ => family.encode_gauge(&i64::try_from(value(plugin)).unwrap_or(i64::MAX))?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn every_plugin_has_its_label() {
        let metrics = Metrics::new();
        let plugins = metrics.plugins();
        assert!(!metrics.encode().contains("wharf_plugin"), "nothing is shown before there is a plugin");
        let auth = plugins.plugin("auth");
        plugins.plugin("auth").called(Duration::from_micros(30));
        plugins.plugin("mail").failed(PluginFault::Time);
        auth.instance_made();
        auth.memory_grown(100, 100);
        auth.memory_grown(50, 150);
        let text = metrics.encode();
        for line in [
            "wharf_plugin_call_seconds_bucket{le=\"0.00005\",plugin=\"auth\"} 1",
            "wharf_plugin_errors_total{plugin=\"mail\",case=\"time\"} 1",
            "wharf_plugin_errors_total{plugin=\"auth\",case=\"time\"} 0",
            "wharf_plugin_instances{plugin=\"auth\"} 1",
            "wharf_plugin_memory_bytes{plugin=\"auth\"} 150",
            "wharf_plugin_memory_highest_bytes{plugin=\"auth\"} 150",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        auth.instance_gone(150);
        assert_eq!(auth.instances(), 0);
    }
}
