//! A slot: a place in the server that a component fills, under a name, and can be exchanged in while it is used.

mod breaker;
mod lease;
mod pool;
mod swap;
mod version;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

pub use lease::{Call, Lease};
pub use swap::{Managed, Status, Swapped};
pub use version::Version;

use self::breaker::{Breaker, Change};
use self::lease::Weight;
use super::engine::Runtime;
use super::error::{Fault, LoadError, PluginError};
use super::event::{Event, Observers};
use super::sandbox::Sandbox;
use super::source::{Loaded, Source};
use super::world::World;
use crate::config::plugin::Plugin;
use crate::telemetry::metrics::PluginMetrics;

/// What a slot is made from.
pub struct Spec {
    /// The plugin's name in logs, metrics and commands.
    pub name: Arc<str>,
    /// Where the component comes from at the start.
    pub source: Source,
    /// Its configuration, grants and limits, which stay when the component is exchanged.
    pub plugin: Plugin,
    /// Done to the sandbox of each new instance, before anything else; for worlds whose imports need something of the host.
    pub prepare: Option<Prepare>,
}

/// What is done to the sandbox of each new instance.
pub type Prepare = Arc<dyn Fn(&mut Sandbox) + Send + Sync>;

/// A named, exchangeable component of one world.
pub struct Slot<W: World> {
    spec: Arc<Spec>,
    runtime: Arc<Runtime>,
    current: ArcSwap<Version<W>>,
    /// What was in service before, for a rollback. Held while a version is loaded, so that there is one exchange at a time.
    previous: Mutex<Option<Arc<Version<W>>>>,
    permits: Arc<Semaphore>,
    queued: AtomicU32,
    /// Versions that were ever loaded.
    versions: AtomicU64,
    breaker: Breaker,
    metrics: Arc<PluginMetrics>,
    observers: Arc<Observers>,
}

impl<W: World> Slot<W> {
    /// Loads the component and puts it into service.
    ///
    /// # Errors
    /// When it can't be; the text tells why.
    pub(super) async fn open(
        runtime: Arc<Runtime>,
        spec: Spec,
        metrics: Arc<PluginMetrics>,
        observers: Arc<Observers>,
    ) -> Result<Arc<Self>, LoadError> {
        let spec = Arc::new(spec);
        let loaded = Loaded::read(&spec.source, &spec.plugin.limits, runtime.logins()).await?;
        let version = Version::load(&runtime, &spec, loaded, 1, &metrics).await?;
        let limits = &spec.plugin.limits;
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(version),
            previous: Mutex::new(None),
            permits: Arc::new(Semaphore::new(limits.instances_max as usize)),
            queued: AtomicU32::new(0),
            versions: AtomicU64::new(1),
            breaker: Breaker::new(limits.failures_max, limits.failure_backoff.get()),
            spec,
            runtime,
            metrics,
            observers,
        }))
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What the operator configured.
    pub fn plugin(&self) -> &Plugin {
        &self.spec.plugin
    }

    /// Its counts.
    pub fn metrics(&self) -> &Arc<PluginMetrics> {
        &self.metrics
    }

    /// The version in service.
    pub fn version(&self) -> Arc<Version<W>> {
        self.current.load_full()
    }

    /// Whether it is out of service because it kept failing.
    pub fn is_failing(&self) -> bool {
        self.breaker.is_open(Instant::now())
    }

    /// An instance of the version in service, for the caller alone.
    ///
    /// # Errors
    /// When the plugin is out of service, none is free in `limits.queue_time_max`, or a new one does not start.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease<W>, PluginError> {
        self.breaker.check(Instant::now()).map_err(|fault| self.failed(fault))?;
        self.take(Weight::Counts).await
    }

    /// The same for calls whose failures say nothing about those of the others: they neither take the plugin out of service nor
    /// bring it back.
    ///
    /// # Errors
    /// As [`Slot::lease`].
    pub async fn lease_aside(self: &Arc<Self>) -> Result<Lease<W>, PluginError> {
        self.breaker.peek(Instant::now()).map_err(|fault| self.failed(fault))?;
        self.take(Weight::Aside).await
    }

    async fn take(self: &Arc<Self>, weight: Weight) -> Result<Lease<W>, PluginError> {
        let permit = self.permit().await.map_err(|fault| self.failed(fault))?;
        let version = self.current.load_full();
        let instance = match version.pool.take() {
            Some(instance) => instance,
            None => {
                let started = version.start(&self.runtime).await;
                started.map_err(|error| self.failed(Fault::Start(error.to_string())))?
            }
        };
        Ok(Lease::new(Arc::clone(self), version, instance, weight, permit))
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let limits = &self.spec.plugin.limits;
        let _queued = Queued::join(&self.queued, limits.queued_calls_max)?;
        let time = limits.queue_time_max.get();
        match tokio::time::timeout(time, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(error)) => Err(Fault::Busy(error.to_string())),
            Err(_) => {
                let max = limits.instances_max;
                Err(Fault::Busy(format!(
                    "in limits.queue_time_max ({time:?}); all {max} of limits.instances_max are busy"
                )))
            }
        }
    }

    /// The error of this plugin.
    fn error(&self, fault: Fault) -> PluginError {
        PluginError { plugin: self.spec.name.to_string(), fault }
    }

    fn succeeded(&self) {
        if self.breaker.succeeded() == Change::Closed {
            tracing::info!(plugin = self.name(), "plugin: in service again");
        }
    }

    /// Counts a fault, and nothing else.
    fn failed_aside(&self, fault: Fault) -> PluginError {
        self.metrics.failed(fault.case());
        self.error(fault)
    }

    /// Counts a fault, and takes the plugin out of service when it was one too many.
    fn failed(&self, fault: Fault) -> PluginError {
        self.metrics.failed(fault.case());
        if !fault.is_passing()
            && let Change::Opened(backoff) = self.breaker.failed(Instant::now())
        {
            let failures = self.breaker.failures();
            tracing::error!(
                plugin = self.name(),
                "plugin: out of service for {backoff:?} after {failures} failures in a row; the last: {fault}"
            );
            self.observers.tell(&Event::Failing { plugin: self.name().to_owned(), reason: fault.to_string() });
        }
        self.error(fault)
    }
}

/// A place in the queue for an instance.
struct Queued<'a>(&'a AtomicU32);

impl<'a> Queued<'a> {
    fn join(queued: &'a AtomicU32, max: u32) -> Result<Self, Fault> {
        let place = Self(queued);
        if queued.fetch_add(1, Relaxed) >= max {
            return Err(Fault::Busy(format!("and {max} calls wait already (limits.queued_calls_max)")));
        }
        Ok(place)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
