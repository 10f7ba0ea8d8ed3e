//! `wharf storage check`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use super::Name;
use super::config::load_or_explain;
use super::output::print;
use super::serve::storage::{self, Access};
use crate::config::Config;
use crate::plugin::Host;
use crate::storage::drivers::Store;
use crate::storage::probe::{self, Depth, Findings};
use crate::storage::{Storage, StorageKey, behaviour};
use crate::telemetry::metrics::{Metrics, StoreRequests};

/// What can be done with the storage.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try the configured storage out, and tell what it can do and what is wrong with it
    Check {
        /// Also check every promise that a storage has to keep, which takes a minute and some thousand requests
        #[arg(long)]
        thorough: bool,
        /// The file that the server runs with; chosen as `serve` chooses it when absent
        config: Option<std::path::PathBuf>,
    },
}

/// Runs the command.
pub(super) fn run(command: Command, name: Name) -> ExitCode {
    let Command::Check { thorough, config } = command;
    let loaded = match load_or_explain(config, name) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let checked = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the system gives no threads: {error}"))
        .and_then(|runtime| runtime.block_on(check(&loaded.config, thorough)));
    match checked {
        Ok((good, text)) => {
            let written = print(&text);
            if good { written } else { ExitCode::FAILURE }
        }
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the storage is good, and what to say about it.
async fn check(config: &Config, thorough: bool) -> Result<(bool, String), String> {
    let driver = config.storage.driver();
    let (storage, place, findings): (Arc<dyn Storage>, _, _) = match driver
        .and_then(|driver| Store::of(driver, &config.storage.requests, &StoreRequests::new(driver.name())))
    {
        Some(store) => {
            let store = store.map_err(|error| error.to_string())?;
            let findings = store.probe(Depth::Full, !config.storage.redirect.disable).await;
            (store.storage(&findings), store.place().to_owned(), findings)
        }
        None => {
            let host = Host::new(&config.plugins, Metrics::new().plugins());
            let opened = storage::open(config, &host, Access::ReadWrite, None).await;
            let (storage, place) = opened.map_err(|error| error.to_string())?;
            let findings = probe::probe(&storage, Depth::Full, &|error| error.into(), None).await;
            (storage, place, findings)
        }
    };
    let (mut good, mut text) = (findings.failure().is_none(), table(&place, &findings));
    if good && thorough {
        let prefix = format!("wharf/probe/{}", uuid::Uuid::new_v4().simple());
        let prefix = StorageKey::parse(&prefix).map_err(|error| error.to_string())?;
        let options = behaviour::Options { listing_keys: 1100, rounds: 5, ..behaviour::Options::default() };
        let report = behaviour::run(storage, &prefix, &options).await;
        good = report.passed();
        text = format!("{text}\n{report}\n");
    }
    Ok((good, text))
}

fn table(place: &str, findings: &Findings) -> String {
    let mut text = format!("{place}\n\n");
    let width = findings.steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
    for step in &findings.steps {
        let line = format!("{:width$}  {:7}  {:5} ms  {}", step.name, step.outcome, step.took.as_millis(), step.note);
        text += line.trim_end();
        text.push('\n');
    }
    let end = match findings.failure() {
        Some(_) => "\nThis storage can't hold a registry as it is.\n",
        None => "\nThis storage can hold a registry.\n",
    };
    text + end
}
