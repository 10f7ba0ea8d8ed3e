//! The kit of storage backends and storage layers.
//!
//! First whether anything can be stored at all; then what only components can do wrong, above all keeping something in an
//! instance's memory; then the behaviour suite.

mod instances;

use std::sync::Arc;
use std::time::Duration;

use super::report::{Report, Verdict};
use crate::config::plugin::{Instances, Plugin};
use crate::plugin::host::{Host, OpenError};
use crate::plugin::storage::PluginStorage;
use crate::storage::{Storage, StorageKey, behaviour};

/// The world, as reports name it.
pub const WORLD: &str = "wharf:storage/storage-backend";

/// The first case: without it nothing else can be tried.
const FIRST: &str = "what is put comes back";

/// How the kit is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Beneath which prefix; it should hold nothing.
    pub prefix: StorageKey,
    /// How much the behaviour suite tries.
    pub behaviour: behaviour::Options,
}

/// Runs the kit. `below` is what a layer stands before.
///
/// # Errors
/// When the component can't even be loaded; that says what to mend.
pub async fn run(
    host: &Host,
    plugin: &Plugin,
    below: Option<Arc<dyn Storage>>,
    options: &Options,
) -> Result<Report, OpenError> {
    let mut report = Report::new(&plugin.component, WORLD);
    // A broken component fails in each case anew, and is to be tried in each.
    let mut patient = plugin.clone();
    patient.limits.failures_max = u32::MAX;
    let warm = Plugin { instances: Instances::Warm, ..patient.clone() };
    let fresh = Plugin { instances: Instances::Fresh, ..patient };
    let warm = Arc::new(PluginStorage::open(host, "warm", &warm, below.clone()).await?);
    let fresh = Arc::new(PluginStorage::open(host, "fresh", &fresh, below).await?);
    let first = suite(&warm, options, Some(FIRST), &mut report).await;
    if !first {
        let why = "nothing else can be tried before this holds".to_owned();
        report.add("the behaviour suite", Verdict::NotTried(why), Duration::ZERO);
        warm.settle().await;
        return Ok(report);
    }
    instances::run(&warm, &fresh, &options.prefix, &mut report).await;
    suite(&warm, options, None, &mut report).await;
    warm.settle().await;
    fresh.settle().await;
    Ok(report)
}

/// Runs the behaviour suite, or one case of it; tells whether it passed.
async fn suite(storage: &Arc<PluginStorage>, options: &Options, only: Option<&str>, report: &mut Report) -> bool {
    let only = only.map(str::to_owned).or_else(|| options.behaviour.only.clone());
    let is_first = only.as_deref() == Some(FIRST);
    let chosen = behaviour::Options { only, ..options.behaviour.clone() };
    let storage = Arc::clone(storage) as Arc<dyn Storage>;
    let found = behaviour::run(storage, &options.prefix, &chosen).await;
    let passed = found.passed();
    for case in found.cases.into_iter().filter(|case| is_first || case.name != FIRST) {
        let verdict = match case.verdict {
            behaviour::Verdict::Passed => Verdict::Passed,
            behaviour::Verdict::NotPromised => Verdict::NotPromised,
            behaviour::Verdict::Failed(seen) => Verdict::Failed(seen),
        };
        report.add(case.name, verdict, case.time);
    }
    passed
}
