//! One instance of a component: its store, its exports, and how a call of it ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use super::engine::Runtime;
use super::error::{Fault, InitError, LoadError};
use super::sandbox::{Passed, Sandbox};
use super::world::World;
use crate::config::plugin::PluginLimits;

/// One instance of a component, ready to be called.
pub struct Instance<W: World> {
    /// Its memory, its resources, and what it may reach.
    pub store: Store<Sandbox>,
    /// Its exports.
    pub guest: W::Guest,
    passed: Arc<Passed>,
}

impl<W: World> Instance<W> {
    /// Makes an instance and calls its `init`, all of it within `limits.start_time_max`.
    ///
    /// # Errors
    /// [`LoadError::Init`] when `init` refuses, else [`LoadError::Start`].
    pub async fn start(
        runtime: &Runtime,
        world: &W,
        sandbox: Sandbox,
        limits: &PluginLimits,
    ) -> Result<Self, LoadError> {
        let _running = runtime.running();
        let passed = sandbox.limiter().passed();
        let mut store = Store::new(runtime.engine(), sandbox);
        store.limiter(|sandbox| sandbox.limiter_mut());
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let start = async {
            let guest = world.instantiate(&mut store).await?;
            let refused = W::init(&guest, &mut store).await?.err();
            Ok((guest, refused))
        };
        let time = limits.start_time_max.get();
        match timeout(time, start).await {
            Ok(Ok((guest, None))) => Ok(Self { store, guest, passed }),
            Ok(Ok((_, Some(refused)))) => Err(LoadError::Init(refused)),
            Ok(Err(error)) => Err(LoadError::Start(fault("init", &error, &passed, limits).to_string())),
            Err(_) => Err(LoadError::Start(format!(
                "init took longer than limits.start_time_max ({time:?}); raise the limit"
            ))),
        }
    }

    /// Which limits it has run into.
    pub fn passed(&self) -> &Arc<Passed> {
        &self.passed
    }

    /// Asks its `health`.
    ///
    /// # Errors
    /// [`LoadError::Health`], whatever is wrong.
    pub async fn health(&mut self, runtime: &Runtime, limits: &PluginLimits) -> Result<(), LoadError> {
        let passed = Arc::clone(&self.passed);
        let call = W::health(&self.guest, &mut self.store);
        match limited(runtime, "health", &passed, limits, call).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(LoadError::Health(reason)),
            Err(fault) => Err(LoadError::Health(fault.to_string())),
        }
    }
}

/// Runs a call within `limits.call_time_max`: the epochs make a guest yield that computes, and the timeout around it ends one
/// that computes or waits for too long. After an error the store can't be used any more.
///
/// # Errors
/// Which limit was passed, or what the trap says.
pub async fn limited<T>(
    runtime: &Runtime,
    function: &'static str,
    passed: &Passed,
    limits: &PluginLimits,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Fault> {
    let _running = runtime.running();
    let limit: Duration = limits.call_time_max.get();
    match timeout(limit, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(fault(function, &error, passed, limits)),
        Err(_) => Err(Fault::Time { function, limit }),
    }
}

/// What an error of wasmtime means. A guest that got no memory aborts, which shows as a trap like any other: so the limits that
/// were passed are looked at first.
fn fault(function: &'static str, error: &wasmtime::Error, passed: &Passed, limits: &PluginLimits) -> Fault {
    if passed.memory() {
        return Fault::Memory { function, limit: limits.memory_bytes_max };
    }
    if passed.tables() {
        return Fault::Tables { function, limit: limits.table_elements_max };
    }
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "its stack grew too deep: look for a recursion without an end".to_owned(),
        Some(Trap::UnreachableCodeReached) => {
            "it ended itself (a panic or an abort; what it says about that may stand in its log)".to_owned()
        }
        // The stack of languages with a stack of their own lies below their data, and ends there.
        Some(Trap::MemoryOutOfBounds) => {
            "it reached beyond its memory: a wrong pointer, or a recursion without an end".to_owned()
        }
        Some(trap) => trap.to_string(),
        // The whole chain, but not the backtrace of the guest's functions: it fills pages, and `debug` has it.
        None => error.root_cause().to_string(),
    };
    tracing::debug!("plugins: {function}: {error:?}");
    Fault::Trap { function, reason }
}

/// Finds a world's exports in a component that was linked, and says what is there instead when they are missing.
///
/// # Errors
/// [`LoadError::World`].
pub fn bind<W: World>(linked: InstancePre<Sandbox>) -> Result<W, LoadError> {
    W::bind(linked).map_err(|error| LoadError::World(format!("it does not fit {}: {error:#}", W::NAME)))
}

impl From<InitError> for Fault {
    fn from(error: InitError) -> Self {
        Self::Start(error.to_string())
    }
}
