//! What a guest may reach.
//!
//! Everything that ordinary toolchains import is linked, so that no component fails for want of an import; what is not granted
//! refuses when it is used, with an error that the guest can read. Nothing is granted by default.
//!
//! | Module | What it does |
//! |---|---|
//! | [`plan`] | what a plugin gets: what its manifest asks for *and* the operator grants |
//! | [`permissions`] | the same, opened and read, for the instances of one version |
//! | [`address`], [`destination`], [`reach`] | what addresses are for, places, and which of them a plugin may connect to |
//! | [`resolver`], `dial` | names to addresses; connecting to what was checked |
//! | `http`, `sockets`, `tls` | `wasi:http`, `wasi:sockets` and `wasi:tls` on top of these |
//! | [`files`] | `wasi:filesystem`: which of an instance's streams are files |
//! | [`keyvalue`], `config_store`, `logging` | `wasi:keyvalue`, `wasi:config` and `wasi:logging` |
//! | `watched` | streams that tell somebody of the bytes that pass |
//! | `limiter` | memory and tables |
//! | `meter`, `quota`, `refusals` | bytes and connections, counted; and telling the operator what was refused |

pub mod address;
mod config_store;
pub mod destination;
mod dial;
pub mod files;
mod http;
pub mod keyvalue;
mod limiter;
mod logging;
mod meter;
pub mod permissions;
pub mod plan;
mod quota;
pub mod reach;
mod refusals;
pub mod resolver;
mod sockets;
#[cfg(test)]
mod tests;
mod tls;
mod unverified;
mod watched;

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView, WasiTlsView};
use wharf_bindings::host::wasi::config::store;
use wharf_bindings::host::wasi::keyvalue::{atomics, store as keyvalue_store};
use wharf_bindings::host::wasi::logging::logging as logging_bindings;

pub use keyvalue::Namespaces;
pub use limiter::{Limiter, Passed};
pub use permissions::Permissions;
pub use plan::{Difference, Plan, Side};

use self::files::FileStreams;
use self::http::Hooks;
use crate::telemetry::RequestId;
use crate::telemetry::metrics::PluginMetrics;
use logging::Console;
use meter::Meter;
use permissions::Shared;
use sockets::Sockets;

/// The memory that the headers of one request or response may take.
const HEADER_BYTES_MAX: usize = 128 << 10;

/// For whom a guest works.
#[derive(Debug, Clone)]
pub struct Context {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// The request that it works for, if it is one.
    pub request: Option<RequestId>,
    /// The plugin's counts.
    pub metrics: Arc<PluginMetrics>,
    /// What the plugin keeps in `wasi:keyvalue`: the same for all of its instances and versions.
    pub keyvalue: Arc<Namespaces>,
}

/// The data of a store: what one instance reaches.
pub struct Sandbox {
    permissions: Arc<Permissions>,
    shared: Arc<Shared>,
    keyvalue: Arc<Namespaces>,
    limiter: Limiter,
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    tls: WasiTlsCtx,
    sockets: Sockets,
    files: FileStreams,
    meter: Arc<Meter>,
    consoles: [Console; 2],
    /// What the imports of a world need of the host.
    pub extensions: ::http::Extensions,
}

impl Sandbox {
    /// How many of the host's resources (streams, requests, sockets, what is below a layer) it holds.
    pub fn resources(&mut self) -> usize {
        self.table.iter_mut().count()
    }

    /// For one new instance.
    pub fn new(permissions: &Arc<Permissions>, context: Context) -> Self {
        let shared = Arc::clone(permissions.shared(&context));
        let limits = permissions.limits();
        let meter = Arc::new(Meter::new(limits.outgoing_bytes_max.get(), limits.incoming_bytes_max.get()));
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.resources_max).unwrap_or(usize::MAX));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HEADER_BYTES_MAX);
        let mut wasi = WasiCtx::builder();
        let consoles = [Console::output(Arc::clone(&shared.log)), Console::error(Arc::clone(&shared.log))];
        wasi.stdout(consoles[0].clone()).stderr(consoles[1].clone()).envs(&permissions.plan().environment);
        open_directories(&mut wasi, permissions, &shared);
        let sockets = Sockets::new(Arc::clone(&shared.sockets), &mut wasi);
        Self {
            limiter: Limiter::new(limits, context.metrics),
            permissions: Arc::clone(permissions),
            hooks: Hooks::new(Arc::clone(&shared.client), Arc::clone(&meter)),
            tls: WasiTlsCtxBuilder::new().provider(Box::new(tls::Provider::new(permissions.tls()))).build(),
            keyvalue: context.keyvalue,
            wasi: wasi.build(),
            shared,
            table,
            http,
            sockets,
            files: FileStreams::default(),
            meter,
            consoles,
            extensions: ::http::Extensions::new(),
        }
    }

    /// Lets `wasi:tls` speak with anybody, whatever his certificate, where it may speak at all. For a part of the
    /// server itself that is a component: there is no grant that does this.
    pub fn trust_any_certificate(&mut self) {
        let config = self.permissions.tls().and_then(|_| unverified::client_config().ok());
        self.tls = WasiTlsCtxBuilder::new().provider(Box::new(tls::Provider::new(config))).build();
    }

    /// To be called before each call of the guest: what is counted per call is counted anew.
    pub fn begin_call(&mut self) {
        self.meter.reset();
    }

    /// For `Store::limiter`.
    pub fn limiter_mut(&mut self) -> &mut Limiter {
        &mut self.limiter
    }

    /// What it took so far.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// What it may reach.
    pub fn permissions(&self) -> &Arc<Permissions> {
        &self.permissions
    }

    /// Which of its streams are files.
    pub fn files(&self) -> &FileStreams {
        &self.files
    }

    fn sockets_mut(&mut self) -> &mut Sockets {
        &mut self.sockets
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A guest that ends itself often has no time for the end of its last line, which says why.
        self.consoles.iter().for_each(Console::finish);
    }
}

/// A directory that is gone is left out: the plugin has started with it, and others of its calls may do without.
fn open_directories(wasi: &mut WasiCtxBuilder, permissions: &Permissions, shared: &Shared) {
    for directory in &permissions.plan().directories {
        let access = if directory.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        if let Err(error) = wasi.preopened_dir(&directory.path, &directory.guest, access) {
            let path = directory.path.display();
            shared.refusals.tell(format!("does without its directory {path}, which can't be opened: {error}"));
        }
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Sandbox {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl WasiTlsView for Sandbox {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        WasiTlsCtxView { ctx: &mut self.tls, table: &mut self.table }
    }
}

/// Adds what every plugin may import: WASI 0.2, HTTP out, TLS, and the host's own part of the drafts.
///
/// # Errors
/// When something is there already.
pub fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    let mut drafts = wasmtime_wasi_tls::p2::LinkOptions::default();
    wasmtime_wasi_tls::p2::add_to_linker(linker, drafts.tls(true))?;
    store::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    logging_bindings::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    keyvalue_store::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    atomics::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)?;
    linker.allow_shadowing(true);
    let linked = sockets::link(linker).and_then(|()| http::link(linker)).and_then(|()| files::link(linker));
    linker.allow_shadowing(false);
    linked
}
