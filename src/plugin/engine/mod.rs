//! The one wasmtime engine of this process, and what compiles components for it.
//!
//! It is made when the first plugin is loaded, so a server without plugins pays nothing for it.

mod compile;
mod kept;
mod ticker;
mod trusted;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

pub use compile::Code;
pub use kept::default_directory;
pub use ticker::Running;

use self::kept::Kept;
use self::ticker::Ticker;
use super::error::LoadError;
use super::sandbox::{self, Namespaces, Sandbox};
use crate::config::plugin::RegistryLogin;

/// Component instances of all plugins together. A pool of so many slots is only address space until they are used.
const INSTANCES_MAX: u32 = 1000;

/// Core instances, memories and tables that one component may be made of. Components of Python have the most: about ten
/// modules that share one memory.
const PARTS_PER_COMPONENT_MAX: u32 = 64;

/// Memories of all instances together.
const MEMORIES_MAX: u32 = 2000;

/// Tables of all instances together.
const TABLES_MAX: u32 = 4000;

/// Elements of one table; `limits.table_elements_max` bounds the sum of an instance's tables below that.
pub const TABLE_ELEMENTS_MAX: usize = 1_000_000;

/// What a freed slot keeps of its memory for the next instance: pages that need not be given back and asked for again.
const KEEP_RESIDENT_BYTES: usize = 256 << 10;

/// Slots that stay bound to the module which used them last, and so start without mapping anything.
const WARM_SLOTS_MAX: u32 = 100;

/// The engine, with what every plugin may import, and the clock that lets long calls yield.
pub struct Runtime {
    engine: Engine,
    linker: Linker<Sandbox>,
    ticker: Ticker,
    kept: Option<Kept>,
    /// One component is compiled at a time: compiling takes all cores as it is.
    compiling: Arc<Semaphore>,
    /// What each plugin keeps in `wasi:keyvalue`, by its name; here because it outlives versions.
    keyvalue: Mutex<HashMap<String, Arc<Namespaces>>>,
    logins: Vec<RegistryLogin>,
}

impl Runtime {
    /// Makes the engine. Compiled code is kept in `cache`, if there is one; a directory that can't be trusted is told about and
    /// not used.
    ///
    /// # Errors
    /// When the system gives no address space, no thread, or the host's imports can't be put together.
    pub fn start(cache: Option<PathBuf>) -> Result<Self, LoadError> {
        let host = |error: &dyn std::fmt::Display| LoadError::Host(format!("the plugin engine can't be made: {error}"));
        let engine = match Engine::new(&config(true)) {
            Ok(engine) => engine,
            Err(error) => {
                // A container with a limit of address space (`ulimit -v`) is slower, and works.
                tracing::warn!("plugins: no pool of instances, each is allocated when it is made: {error:#}");
                Engine::new(&config(false)).map_err(|error| host(&format!("{error:#}")))?
            }
        };
        let mut linker = Linker::new(&engine);
        sandbox::link(&mut linker).map_err(|error| host(&format!("{error:#}")))?;
        let ticker = Ticker::start(&engine).map_err(|error| host(&error))?;
        let kept = cache.and_then(|directory| match Kept::open(&directory) {
            Ok(kept) => Some(kept),
            Err(problem) => {
                let directory = directory.display();
                tracing::warn!("plugins: compiled code is not kept: the directory {directory} {problem}");
                None
            }
        });
        let compiling = Arc::new(Semaphore::new(1));
        Ok(Self { engine, linker, ticker, kept, compiling, keyvalue: Mutex::default(), logins: Vec::new() })
    }

    /// With logins at the registries that components are pulled from.
    #[must_use]
    pub fn with_logins(self, logins: Vec<RegistryLogin>) -> Self {
        Self { logins, ..self }
    }

    /// Logins at registries.
    pub fn logins(&self) -> &[RegistryLogin] {
        &self.logins
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What every plugin may import; to be cloned by whoever adds to it.
    pub fn linker(&self) -> &Linker<Sandbox> {
        &self.linker
    }

    /// What the plugin of this name keeps in `wasi:keyvalue`.
    pub fn keyvalue(&self, plugin: &str) -> Arc<Namespaces> {
        let mut all = self.keyvalue.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(plugin.to_owned()).or_default())
    }

    /// To be held while a guest runs: so long the epochs go on by which it yields.
    pub fn running(&self) -> Running<'_> {
        self.ticker.running()
    }
}

fn config(pooling: bool) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.cranelift_opt_level(OptLevel::Speed);
    // Components of WASI 0.3 call each other concurrently; ours do not, and each store is smaller for it.
    config.concurrency_support(false);
    if pooling {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(INSTANCES_MAX)
            .total_core_instances(INSTANCES_MAX * 8)
            .total_memories(MEMORIES_MAX)
            .total_tables(TABLES_MAX)
            .total_stacks(INSTANCES_MAX)
            .max_core_instances_per_component(PARTS_PER_COMPONENT_MAX)
            .max_memories_per_component(PARTS_PER_COMPONENT_MAX)
            .max_tables_per_component(PARTS_PER_COMPONENT_MAX)
            .max_component_instance_size(8 << 20)
            .max_core_instance_size(8 << 20)
            .table_elements(TABLE_ELEMENTS_MAX)
            .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
            .table_keep_resident(KEEP_RESIDENT_BYTES)
            .pagemap_scan(Enabled::Auto)
            .max_unused_warm_slots(WARM_SLOTS_MAX);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_can_be_made_with_and_without_a_pool() {
        Engine::new(&config(true)).unwrap();
        Engine::new(&config(false)).unwrap();
    }
}
