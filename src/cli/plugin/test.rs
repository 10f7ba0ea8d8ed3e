//! `wharf plugin test`: whether a component keeps the contract of its world.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::subject::{Kind, Ready, Subject};
use super::{Failure, hints};
use crate::plugin::kit::{Report, Verdict, auth, hook, storage};
use crate::storage::memory::MemoryStorage;
use crate::storage::{Storage, StorageKey, behaviour};

/// How many keys the large listing has, unless more is wanted: more than a page, which has 1,000.
const LISTING_KEYS: usize = 1_200;

/// What to test.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// Requests with expected decisions, for an auth provider; plugin-tests.toml beside the component when absent
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
    /// Only the cases of the storage behaviour suite whose names contain this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Try as much as on the server's own backends: a listing of 10,000 keys instead of 1,200
    #[arg(long)]
    thorough: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the kit of the component's world, and fails when a case fails.
pub(super) fn run(arguments: &Arguments) -> Result<String, Failure> {
    let ready = arguments.subject.ready()?;
    let report = super::block_on(arguments.tried(&ready))??;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report).map_err(Failure::from)?,
        false => report.to_string(),
    };
    if report.passed() {
        return Ok(text + "\n");
    }
    crate::cli::output::print(&(text + "\n"));
    let failed = report.cases.iter().filter_map(|case| match &case.verdict {
        Verdict::Failed(seen) => Some(seen.as_str()),
        _ => None,
    });
    hints::for_limits(failed).iter().for_each(|hint| eprintln!("note: {hint}"));
    Err(Failure::Told)
}

impl Arguments {
    async fn tried(&self, ready: &Ready) -> Result<Report, Failure> {
        let (host, plugin) = (&ready.host, &ready.plugin);
        let report = match ready.kind {
            Kind::Storage => storage::run(host, plugin, below(ready), &self.storage_options()?).await,
            Kind::Auth => {
                let table = self.subject.table(self.tests.as_deref())?;
                auth::run(host, &ready.under(&table), &table).await
            }
            Kind::Hook => hook::run(host, plugin).await,
        };
        report.map_err(hints::refused)
    }

    fn storage_options(&self) -> Result<storage::Options, Failure> {
        let defaults = behaviour::Options::default();
        let listing_keys = if self.thorough { defaults.listing_keys } else { LISTING_KEYS };
        let behaviour = behaviour::Options { only: self.only.clone(), listing_keys, ..defaults };
        Ok(storage::Options { prefix: StorageKey::parse("wharf-plugin-test").map_err(Failure::from)?, behaviour })
    }
}

/// What a layer stands before while it is tried.
pub(super) fn below(ready: &Ready) -> Option<Arc<dyn Storage>> {
    ready.is_layer.then(|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>)
}
