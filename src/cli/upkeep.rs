//! What the commands share that work on the data without serving it.

use std::process::ExitCode;
use std::sync::Arc;

use super::output::warn;
use super::serve::storage::{self, Access};
use super::serve::{descriptors, parts};
use crate::config::Loaded;
use crate::config::storage::Driver;
use crate::plugin::Host;
use crate::registry::Registry;
use crate::storage::Storage;
use crate::storage::memory::MemoryStorage;
use crate::telemetry::metrics::Metrics;

/// Opens the registry of a configuration, gives it to `work`, and says with one sentence what went wrong, if something
/// did. What the operator should know about the configuration goes to standard error first. With `deletes`, what is
/// deleted is forgotten in Redis, too, where that remembers it.
pub(super) fn run<F>(loaded: &Loaded, deletes: bool, work: impl FnOnce(Arc<Registry>) -> F) -> ExitCode
where
    F: Future<Output = Result<ExitCode, String>>,
{
    for warning in &loaded.warnings {
        warn(warning);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the system gives no threads: {error}"));
    let worked = runtime.and_then(|runtime| runtime.block_on(async { work(open(loaded, deletes).await?).await }));
    worked.unwrap_or_else(|sentence| {
        eprintln!("error: {sentence}");
        ExitCode::FAILURE
    })
}

async fn open(loaded: &Loaded, deletes: bool) -> Result<Arc<Registry>, String> {
    let options = parts::registry_options(&loaded.config).map_err(|error| error.to_string())?;
    let registry = Registry::new(data(loaded).await?, options);
    let registry = if deletes { descriptors::forgetting(&loaded.config, registry).await? } else { registry };
    Ok(Arc::new(registry))
}

/// The storage, without making a directory that is not there: in one there is nothing to work on.
async fn data(loaded: &Loaded) -> Result<Arc<dyn Storage>, String> {
    if let Some(Driver::Filesystem(filesystem)) = loaded.config.storage.driver()
        && matches!(filesystem.rootdirectory.try_exists(), Ok(false))
    {
        warn(format!("the storage directory {} does not exist", filesystem.rootdirectory.display()));
        return Ok(Arc::new(MemoryStorage::new()));
    }
    let host = Host::new(&loaded.config.plugins, Metrics::new().plugins());
    let opened = storage::open(&loaded.config, &host, Access::Careful, None).await;
    opened.map(|(storage, _)| storage).map_err(|error| error.to_string())
}
