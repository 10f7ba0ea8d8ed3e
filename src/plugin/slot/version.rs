//! One component in one slot: compiled, linked, bound, and tried once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use super::Spec;
use super::pool::Pool;
use crate::config::plugin::{Instances, PluginLimits};
use crate::plugin::component;
use crate::plugin::engine::Runtime;
use crate::plugin::error::LoadError;
use crate::plugin::instance::{self, Instance};
use crate::plugin::sandbox::{Context, Permissions, Sandbox};
use crate::plugin::source::Loaded;
use crate::plugin::world::World;
use crate::telemetry::current_request;
use crate::telemetry::metrics::PluginMetrics;

/// A fresh instance for each call is worth its price below this. Small components of Rust and C take a tenth of it.
const CHEAP: Duration = Duration::from_micros(250);

/// Instances that are made to measure that; the first pays for what the later ones find ready.
const TRIALS: u32 = 4;

/// One component in one slot.
pub struct Version<W: World> {
    /// Counts up with each version that a slot has had; 1 is the first.
    pub number: u64,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Where it came from: a file, a reference, or `built-in`.
    pub source: String,
    /// When it was loaded.
    pub loaded_at: SystemTime,
    /// How long compiling took; `None` when the compiled code was kept from an earlier time.
    pub compile_time: Option<Duration>,
    /// How long one instance takes to start, `init` included.
    pub start_time: Duration,
    /// Whether each call gets an instance of its own.
    pub fresh: bool,
    pub(super) pool: Pool<W>,
    world: W,
    permissions: Arc<Permissions>,
    spec: Arc<Spec>,
    metrics: Arc<PluginMetrics>,
    init_failed: AtomicBool,
}

impl<W: World> Version<W> {
    /// The whole of loading, but for putting it into service: compile, link, bind, start an instance, ask for its health.
    pub(super) async fn load(
        runtime: &Arc<Runtime>,
        spec: &Arc<Spec>,
        loaded: Loaded,
        number: u64,
        metrics: &Arc<PluginMetrics>,
    ) -> Result<Self, LoadError> {
        let Loaded { bytes, digest, source } = loaded;
        let limits = &spec.plugin.limits;
        let code = runtime.code(bytes.clone(), digest.clone(), limits.compile_time_max.get()).await?;
        let linked = component::link::<W>(runtime, &code.component)?;
        let permissions = Permissions::granted(&spec.plugin, &bytes).map_err(LoadError::Grant)?;
        let mut version = Self {
            number,
            digest,
            source,
            loaded_at: SystemTime::now(),
            compile_time: code.compile_time,
            start_time: Duration::ZERO,
            fresh: false,
            pool: Pool::new(),
            world: instance::bind(linked)?,
            permissions: Arc::new(permissions),
            spec: Arc::clone(spec),
            metrics: Arc::clone(metrics),
            init_failed: AtomicBool::new(false),
        };
        let first = version.try_out(runtime).await?;
        version.pool.give(first);
        Ok(version)
    }

    /// A new instance.
    pub(super) async fn start(&self, runtime: &Runtime) -> Result<Instance<W>, LoadError> {
        let context = Context {
            plugin: Arc::clone(&self.spec.name),
            request: current_request(),
            metrics: Arc::clone(&self.metrics),
            keyvalue: runtime.keyvalue(&self.spec.name),
        };
        let mut sandbox = Sandbox::new(&self.permissions, context);
        if let Some(prepare) = &self.spec.prepare {
            prepare(&mut sandbox);
        }
        let started = Instance::start(runtime, &self.world, sandbox, self.limits()).await;
        self.init_failed.store(started.is_err(), Relaxed);
        started
    }

    /// Its world's exports, as they were found in the component.
    pub fn world(&self) -> &W {
        &self.world
    }

    /// What it may use.
    pub fn limits(&self) -> &PluginLimits {
        &self.spec.plugin.limits
    }

    /// What it may reach.
    pub fn permissions(&self) -> &Arc<Permissions> {
        &self.permissions
    }

    /// Whether the last instance that was made did start.
    pub fn starts(&self) -> bool {
        !self.init_failed.load(Relaxed)
    }

    /// Starts an instance and asks for its health; decides by what that costs how instances are used.
    async fn try_out(&mut self, runtime: &Runtime) -> Result<Instance<W>, LoadError> {
        let mut first = self.start(runtime).await?;
        first.health(runtime, self.limits()).await?;
        let mut cost = Duration::MAX;
        for _ in 0..TRIALS {
            let begin = Instant::now();
            drop(self.start(runtime).await?);
            cost = cost.min(begin.elapsed());
            if cost > 8 * CHEAP {
                break;
            }
        }
        self.start_time = cost;
        self.fresh = match self.spec.plugin.instances {
            Instances::Fresh => true,
            Instances::Warm => false,
            Instances::Auto => W::FRESH_WHEN_CHEAP && cost <= CHEAP,
        };
        Ok(first)
    }
}
