//! All plugins of this process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::engine::{Runtime, default_directory};
use super::error::LoadError;
use super::event::{Observer, Observers};
use super::slot::{Managed, Slot, Spec};
use super::source::Source;
use super::world::World;
use crate::config::plugin::{Plugin, Plugins, RegistryLogin};
use crate::telemetry::metrics::PluginsMetrics;

/// All plugins of this process. Making one makes nothing: the engine comes with the first plugin that is opened.
pub struct Host {
    cache: Option<PathBuf>,
    logins: Vec<RegistryLogin>,
    runtime: OnceCell<Arc<Runtime>>,
    slots: Mutex<Vec<Arc<dyn Managed>>>,
    metrics: PluginsMetrics,
    observers: Arc<Observers>,
}

impl Host {
    /// A host without plugins.
    pub fn new(config: &Plugins, metrics: PluginsMetrics) -> Self {
        let cache = Some(config.cache.clone()).filter(|cache| !cache.as_os_str().is_empty()).or_else(default_directory);
        let logins = config.registries.clone();
        Self { cache, logins, runtime: OnceCell::new(), slots: Mutex::default(), metrics, observers: Arc::default() }
    }

    /// Loads a configured component and puts it into service, as `name`.
    ///
    /// # Errors
    /// When it can't be; the text names the plugin and tells why.
    pub async fn open<W: World>(&self, name: &str, plugin: &Plugin) -> Result<Arc<Slot<W>>, OpenError> {
        let source = Source::parse(&plugin.component);
        self.open_spec(Spec { name: name.into(), source, plugin: plugin.clone(), prepare: None }).await
    }

    /// The same for whoever knows more than the configuration says: a component that comes with this program, imports that need
    /// something of the host.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub async fn open_spec<W: World>(&self, spec: Spec) -> Result<Arc<Slot<W>>, OpenError> {
        let name = Arc::clone(&spec.name);
        let named = |error| OpenError { plugin: name.to_string(), error };
        let runtime = self.runtime().await.map_err(named)?;
        let metrics = self.metrics.plugin(&name);
        let slot = Slot::open(runtime, spec, metrics, Arc::clone(&self.observers)).await.map_err(named)?;
        let version = slot.version();
        tracing::info!(
            plugin = slot.name(),
            digest = version.digest,
            "plugin: {} in service, from {}; {}, started in {:?}",
            W::NAME,
            version.source,
            if version.fresh { "a fresh instance for each call" } else { "warm instances" },
            version.start_time,
        );
        self.lock().push(Arc::clone(&slot) as Arc<dyn Managed>);
        Ok(slot)
    }

    /// The engine, made now if it was not yet.
    ///
    /// # Errors
    /// When the system does not give what it needs.
    pub async fn runtime(&self) -> Result<Arc<Runtime>, LoadError> {
        let cache = self.cache.clone();
        let logins = self.logins.clone();
        let start = || async { Runtime::start(cache).map(|runtime| Arc::new(runtime.with_logins(logins))) };
        self.runtime.get_or_try_init(start).await.cloned()
    }

    /// Every plugin that was opened.
    pub fn slots(&self) -> Vec<Arc<dyn Managed>> {
        self.lock().clone()
    }

    /// The plugin of this name.
    pub fn slot(&self, name: &str) -> Option<Arc<dyn Managed>> {
        self.lock().iter().find(|slot| slot.name() == name).cloned()
    }

    /// Calls `observer` with everything that happens to plugins from now on.
    pub fn observe(&self, observer: Observer) {
        self.observers.add(observer);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<dyn Managed>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A configured plugin that can't be put into service.
#[derive(Debug, Clone, thiserror::Error)]
#[error("plugin {plugin}: {error}")]
pub struct OpenError {
    /// Its name.
    pub plugin: String,
    /// Why.
    pub error: LoadError,
}
