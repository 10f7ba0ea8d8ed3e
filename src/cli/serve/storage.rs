//! From the configuration to a storage. An object store is tried out first, so that what is wrong is told at start.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::StartError;
use crate::config::Config;
use crate::config::storage::Driver;
use crate::plugin::Host;
use crate::plugin::storage::PluginStorage;
use crate::storage::Storage;
use crate::storage::drivers::Store;
use crate::storage::local::{LocalOptions, LocalStorage};
use crate::storage::memory::MemoryStorage;
use crate::storage::probe::{Depth, Outcome};
use crate::telemetry::metrics::{Metrics, StoreRequests};

/// For how long a store that does not answer yet is waited for: it may be starting beside this server.
const WAIT_MAX: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(1);

/// What a command does with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Access {
    /// It must be able to write, and is told what the store can do beyond that.
    ReadWrite,
    /// It looks first, and perhaps deletes then: nothing is written to find out.
    Careful,
}

/// Opens the storage; with it, where the data lies, for people.
pub(in crate::cli) async fn open(
    config: &Config,
    host: &Host,
    access: Access,
    metrics: Option<&Metrics>,
) -> Result<(Arc<dyn Storage>, String), StartError> {
    let Some(plugin) = &config.storage.plugin else { return native_storage(config, access, metrics).await };
    let (below, place) = match config.storage.native() {
        None => (None, String::new()),
        Some(_) => {
            let (below, place) = native_storage(config, access, metrics).await?;
            (Some(below), format!(", before {place}"))
        }
    };
    let name = config.plugin_name("storage.plugin");
    let storage = PluginStorage::open(host, &name, plugin, below).await.map_err(StartError::from)?;
    Ok((Arc::new(storage), format!("the plugin {name}{place}")))
}

/// Opens a backend of the server's own.
async fn native_storage(
    config: &Config,
    access: Access,
    metrics: Option<&Metrics>,
) -> Result<(Arc<dyn Storage>, String), StartError> {
    match config.storage.native() {
        Some(Driver::Filesystem(filesystem)) => {
            let root = filesystem.rootdirectory.clone();
            let shown = std::path::absolute(&root).unwrap_or_else(|_| root.clone()).display().to_string();
            let storage = LocalStorage::open(root, &LocalOptions::default()).map_err(|error| {
                let mend = "let this user write there, or set storage.filesystem.rootdirectory to another directory";
                StartError(format!("the storage directory {shown} cannot be used: {error}; {mend}"))
            })?;
            Ok((Arc::new(storage), format!("the directory {shown}")))
        }
        Some(Driver::InMemory(_)) => {
            Ok((Arc::new(MemoryStorage::new()), "memory; everything is lost when this server ends".to_owned()))
        }
        Some(driver) => match object_store(config, driver, access, metrics).await {
            Some(opened) => opened.map_err(StartError),
            None => Err(StartError(format!("storage.{} is not active yet in this version", driver.name()))),
        },
        None => Err(StartError("no storage is configured; name one, such as storage.filesystem".to_owned())),
    }
}

/// Opens an object store; `None` for the drivers that are none. Requests are counted for `metrics`.
async fn object_store(
    config: &Config,
    driver: Driver<'_>,
    access: Access,
    metrics: Option<&Metrics>,
) -> Option<Result<(Arc<dyn Storage>, String), String>> {
    let requests = StoreRequests::new(driver.name());
    let store = Store::of(driver, &config.storage.requests, &requests)?;
    if let Some(metrics) = metrics {
        metrics.add(requests);
    }
    match store {
        Ok(store) => {
            let store = store.with_part_memory(config.storage.uploads.part_memory_bytes_max.get());
            Some(try_out(config, &store, access).await)
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

async fn try_out(config: &Config, store: &Store, access: Access) -> Result<(Arc<dyn Storage>, String), String> {
    let careful = access == Access::Careful || config.storage.maintenance.readonly.enabled;
    let depth = if careful { Depth::ReadOnly } else { Depth::Start };
    let started = Instant::now();
    let findings = loop {
        let findings = store.probe(depth, !config.storage.redirect.disable).await;
        match findings.failure() {
            Some(step) if step.may_pass && started.elapsed() < WAIT_MAX => {
                tracing::warn!("waiting for the store: {}", step.note);
                tokio::time::sleep(PAUSE).await;
            }
            Some(step) => return Err(format!("{} (at the step {:?} of the check at start)", step.note, step.name)),
            None => break findings,
        }
    };
    for step in findings.steps.iter().filter(|step| step.outcome == Outcome::Missing) {
        tracing::info!("the store has no {}: {}", step.name, step.note);
    }
    Ok((store.storage(&findings), store.place().to_owned()))
}
