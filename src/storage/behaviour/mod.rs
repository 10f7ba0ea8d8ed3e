//! The behaviour suite: what [`super::Storage`] promises, checked on a storage that really runs.
//!
//! Every backend passes it, whatever it is made of; the suite asks a backend for its [`Capabilities`] and checks what is told
//! there. It works beneath a prefix of its own, cleans up behind itself, never ends the process, and gives a [`Report`] of
//! named cases with a sentence for each failure.
//!
//! ```
//! # async fn example() {
//! use std::sync::Arc;
//! use wharf::storage::{StorageKey, behaviour, memory::MemoryStorage};
//!
//! let prefix = StorageKey::parse("behaviour").unwrap();
//! let report = behaviour::run(Arc::new(MemoryStorage::new()), &prefix, &behaviour::Options::default()).await;
//! assert!(report.passed(), "{report}");
//! # }
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(example());
//! ```

mod append;
mod assemble;
mod bench;
mod commit;
mod conditional;
mod delete;
mod listing;
mod names;
mod objects;
mod report;
mod visibility;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::{Capabilities, Storage, StorageKey};
use bench::{Bench, Outcome};
pub use report::{CaseReport, Report, Verdict};

/// How much is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many objects the large listing has.
    pub listing_keys: usize,
    /// The size of a large object, in bytes.
    pub large_bytes: usize,
    /// How many writers race in a race.
    pub racers: usize,
    /// How often a race is run, and an object overwritten under its readers.
    pub rounds: usize,
    /// How long a case may take.
    pub case_time_max: Duration,
    /// Only the cases whose name contains this.
    pub only: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listing_keys: 10_000,
            large_bytes: 5 * 1024 * 1024 + 13,
            racers: 16,
            rounds: 20,
            case_time_max: Duration::from_secs(120),
            only: None,
        }
    }
}

/// One promise and how it is tried.
struct Case {
    /// The promise, as a sentence without a full stop.
    name: &'static str,
    /// Whether the backend promises it.
    promised: fn(Capabilities) -> bool,
    run: fn(Bench) -> BoxFuture<'static, Outcome>,
}

fn always(_: Capabilities) -> bool {
    true
}

/// Every case of the suite, in the order in which they run.
fn cases() -> impl Iterator<Item = &'static Case> {
    let groups = [
        objects::CASES,
        visibility::CASES,
        names::CASES,
        listing::CASES,
        delete::CASES,
        commit::CASES,
        conditional::CASES,
        append::CASES,
        assemble::CASES,
    ];
    groups.into_iter().flatten()
}

/// Runs the suite beneath `prefix`, which should hold nothing. Needs a runtime with more than one thread for the races to be
/// races, but works without.
pub async fn run(storage: Arc<dyn Storage>, prefix: &StorageKey, options: &Options) -> Report {
    let mut report = Report::new(storage.name());
    let wanted = |case: &&Case| options.only.as_deref().is_none_or(|only| case.name.contains(only));
    for (number, case) in cases().enumerate().filter(|(_, case)| wanted(case)) {
        let start = Instant::now();
        let verdict = match prefix.join(&format!("case-{number}")) {
            Err(error) => Verdict::Failed(error.to_string()),
            Ok(_) if !(case.promised)(storage.capabilities()) => Verdict::NotPromised,
            Ok(prefix) => run_case(case, Bench::new(Arc::clone(&storage), prefix, options.clone())).await,
        };
        report.add(case.name, verdict, start.elapsed());
    }
    report
}

async fn run_case(case: &Case, bench: Bench) -> Verdict {
    let limit = bench.options.case_time_max;
    let (storage, prefix) = (Arc::clone(&bench.storage), bench.prefix.clone());
    let mut task = tokio::spawn((case.run)(bench));
    let verdict = match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(Ok(()))) => Verdict::Passed,
        Ok(Ok(Err(failure))) => Verdict::Failed(failure.0),
        Ok(Err(panic)) => Verdict::Failed(format!("the case itself broke: {panic}")),
        Err(_) => {
            task.abort();
            Verdict::Failed(format!("not done after {} s", limit.as_secs()))
        }
    };
    match (storage.delete_prefix(&prefix).await, verdict) {
        (Err(error), Verdict::Passed) => Verdict::Failed(format!("cleaning up: {error}")),
        (_, verdict) => verdict,
    }
}

#[cfg(test)]
mod tests;
