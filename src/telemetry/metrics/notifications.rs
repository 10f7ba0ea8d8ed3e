//! Metrics of notifications, under the names of `distribution` and one of our own for what was lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// What is counted of every hook; the label `endpoint` is its name. Hooks of one name count together.
#[derive(Debug, Clone, Default)]
pub struct NotificationMetrics(Arc<Mutex<Vec<HookMetrics>>>);

/// The counts of one hook. Clones count together.
#[derive(Debug, Clone)]
pub struct HookMetrics(Arc<HookCounts>);

#[derive(Debug, Default)]
struct HookCounts {
    name: String,
    pending: AtomicI64,
    events: AtomicU64,
    successes: AtomicU64,
    failures: AtomicU64,
    errors: AtomicU64,
    dropped: [AtomicU64; DROPS.len()],
    statuses: Mutex<BTreeMap<u16, u64>>,
}

/// Why an event was not delivered: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drop {
    /// There were too many, or they were too large together.
    Full,
    /// It was too old.
    Old,
    /// There were too many log records within a second.
    Rate,
    /// The hook said that it can't be delivered.
    Refused,
    /// The server ended.
    Ended,
}

const DROPS: [&str; 5] = ["full", "old", "rate", "refused", "ended"];

impl NotificationMetrics {
    /// The counts of the hook of this name.
    pub fn hook(&self, name: &str) -> HookMetrics {
        let mut hooks = lock(&self.0);
        if let Some(known) = hooks.iter().find(|hook| hook.0.name == name) {
            return known.clone();
        }
        let hook = HookMetrics(Arc::new(HookCounts { name: name.to_owned(), ..HookCounts::default() }));
        hooks.push(hook.clone());
        hook
    }
}

impl HookMetrics {
    /// An event came in.
    pub fn event(&self) {
        self.0.events.fetch_add(1, Relaxed);
        self.0.pending.fetch_add(1, Relaxed);
    }

    /// So many events are not waiting any more.
    pub fn left(&self, count: usize) {
        self.0.pending.fetch_sub(i64::try_from(count).unwrap_or(i64::MAX), Relaxed);
    }

    /// So many events were delivered.
    pub fn succeeded(&self, count: u64) {
        self.0.successes.fetch_add(count, Relaxed);
    }

    /// So many events were refused; they will be tried again.
    pub fn failed(&self, count: u64) {
        self.0.failures.fetch_add(count, Relaxed);
    }

    /// A delivery ended without an answer.
    pub fn error(&self) {
        self.0.errors.fetch_add(1, Relaxed);
    }

    /// So many events were dropped.
    pub fn dropped(&self, reason: Drop, count: u64) {
        self.0.dropped[reason as usize].fetch_add(count, Relaxed);
    }

    /// An endpoint answered with this status.
    pub fn status(&self, status: u16) {
        *lock(&self.0.statuses).entry(status).or_default() += 1;
    }

    /// The counts as `/debug/vars` shows them.
    pub fn vars(&self) -> serde_json::Value {
        let counts = &self.0;
        let statuses: BTreeMap<String, u64> =
            lock(&counts.statuses).iter().map(|(status, count)| (label(*status), *count)).collect();
        let dropped: BTreeMap<&str, u64> =
            DROPS.into_iter().zip(&counts.dropped).map(|(reason, count)| (reason, count.load(Relaxed))).collect();
        serde_json::json!({
            "Pending": counts.pending.load(Relaxed),
            "Events": counts.events.load(Relaxed),
            "Successes": counts.successes.load(Relaxed),
            "Failures": counts.failures.load(Relaxed),
            "Errors": counts.errors.load(Relaxed),
            "Statuses": statuses,
            "Dropped": dropped,
        })
    }
}

/// `200 OK`, as `distribution` writes it.
fn label(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    format!("{status} {reason}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Collector for NotificationMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let hooks = lock(&self.0).clone();
        let name = "registry_notifications_events";
        let mut metric = encoder.encode_descriptor(name, "Events by what became of them", None, MetricType::Counter)?;
        for HookMetrics(hook) in &hooks {
            let kinds = [
                ("Events", &hook.events),
                ("Successes", &hook.successes),
                ("Failures", &hook.failures),
                ("Errors", &hook.errors),
            ];
            for (kind, count) in kinds {
                let labels = [("type", kind), ("endpoint", &*hook.name)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count.load(Relaxed), None)?;
            }
        }
        // A gauge in spite of its end: that is its name.
        let name = "registry_notifications_pending_total";
        let mut metric = encoder.encode_descriptor(name, "Events that wait", None, MetricType::Gauge)?;
        for HookMetrics(hook) in &hooks {
            metric.encode_family(&[("endpoint", &*hook.name)])?.encode_gauge(&hook.pending.load(Relaxed))?;
        }
        let name = "registry_notifications_status";
        let mut metric = encoder.encode_descriptor(name, "Answers of endpoints", None, MetricType::Counter)?;
        for HookMetrics(hook) in &hooks {
            for (status, count) in lock(&hook.statuses).iter() {
                let code = label(*status);
                let labels = [("code", &*code), ("endpoint", &*hook.name)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
            }
        }
        let name = "wharf_notifications_dropped";
        let mut metric = encoder.encode_descriptor(name, "Events that were lost", None, MetricType::Counter)?;
        for HookMetrics(hook) in &hooks {
            for (reason, count) in DROPS.into_iter().zip(&hook.dropped) {
                let labels = [("reason", reason), ("endpoint", &*hook.name)];
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count.load(Relaxed), None)?;
            }
        }
        Ok(())
    }
}
