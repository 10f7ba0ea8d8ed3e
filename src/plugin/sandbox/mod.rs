//! What a guest may reach.
//!
//! A beginning: clocks, random numbers, its configuration and the log; everything else is refused.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wharf_bindings::host::wasi::config::store;
use wharf_bindings::host::wasi::logging::logging;

use crate::config::plugin::{Plugin, PluginLimits};
use crate::plugin::instance::Limiter;
use crate::telemetry::RequestId;
use crate::telemetry::metrics::PluginMetrics;

/// What a plugin may reach and use: what the operator grants, as far as the component's manifest asks for it.
#[derive(Debug)]
pub struct Permissions {
    limits: PluginLimits,
    config: Vec<(String, String)>,
}

impl Permissions {
    /// Nothing.
    pub fn none() -> Self {
        Self { limits: PluginLimits::default(), config: Vec::new() }
    }

    /// What `plugin` grants of what `component` asks for.
    ///
    /// # Errors
    /// When something that is granted can't be given: a sentence that names it.
    pub fn granted(plugin: &Plugin, component: &[u8]) -> Result<Self, String> {
        let _ = component;
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let config = plugin.config.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        Ok(Self { limits: plugin.limits.clone(), config })
    }
}

/// For whom a guest works.
#[derive(Debug, Clone)]
pub struct Context {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The request that it works for, if it is one.
    pub request: Option<RequestId>,
    /// The plugin's counts.
    pub metrics: Arc<PluginMetrics>,
}

/// The data of a store: what one instance reaches.
pub struct Sandbox {
    permissions: Arc<Permissions>,
    context: Context,
    limiter: Limiter,
    table: ResourceTable,
    wasi: WasiCtx,
    /// What the imports of a world need of the host.
    pub extensions: http::Extensions,
}

impl Sandbox {
    /// For one new instance.
    pub fn new(permissions: &Arc<Permissions>, context: Context) -> Self {
        Self {
            limiter: Limiter::new(&permissions.limits, Arc::clone(&context.metrics)),
            permissions: Arc::clone(permissions),
            context,
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().build(),
            extensions: http::Extensions::new(),
        }
    }

    /// For `Store::limiter`.
    pub fn limiter_mut(&mut self) -> &mut Limiter {
        &mut self.limiter
    }

    /// What it took so far.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Adds what every plugin may import.
///
/// # Errors
/// When something is there already.
pub fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    store::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    logging::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)
}

impl store::Host for Sandbox {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.permissions.config.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())))
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(self.permissions.config.clone()))
    }
}

impl logging::Host for Sandbox {
    async fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        tracing::info!(plugin = &*self.context.plugin, context, "{level:?}: {message}");
        Ok(())
    }
}
