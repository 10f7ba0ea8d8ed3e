//! What one version of a plugin may reach and use, opened and read: the [`Plan`] made ready for its instances.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;

use super::Context;
use super::dial::Dialler;
use super::http::Client;
use super::logging::GuestLog;
use super::plan::{Difference, Plan, Side};
use super::quota::Connections;
use super::refusals::Refusals;
use super::resolver::{Resolve, System};
use super::sockets::SocketGrants;
use super::tls;
use crate::config::Secret;
use crate::config::plugin::{Plugin, PluginLimits, SecretSource};
use crate::plugin::manifest::Manifest;

/// The longest secret that is read.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// What a plugin may reach and use: what the operator grants, as far as the component's manifest asks for it.
pub struct Permissions {
    plan: Plan,
    limits: PluginLimits,
    configuration: BTreeMap<String, Secret>,
    tls: Option<Arc<ClientConfig>>,
    resolver: Arc<dyn Resolve>,
    shared: OnceLock<Arc<Shared>>,
}

/// What all instances of a version have together.
pub(super) struct Shared {
    pub(super) client: Arc<Client>,
    pub(super) sockets: Arc<SocketGrants>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) log: Arc<GuestLog>,
}

impl Permissions {
    /// Nothing.
    pub fn none() -> Self {
        Self {
            plan: Plan::default(),
            limits: PluginLimits::default(),
            configuration: BTreeMap::new(),
            tls: None,
            resolver: Arc::new(System),
            shared: OnceLock::new(),
        }
    }

    /// What `plugin` grants of what `component` asks for.
    ///
    /// # Errors
    /// When something that is granted can't be given: a sentence for each, that names it.
    pub fn granted(plugin: &Plugin, component: &[u8]) -> Result<Self, String> {
        Self::of(&Manifest::of(component)?, plugin)
    }

    /// What `plugin` grants of what `manifest` asks for.
    ///
    /// # Errors
    /// When something that is granted can't be given: a sentence for each, that names it.
    pub fn of(manifest: &Manifest, plugin: &Plugin) -> Result<Self, String> {
        let plan = Plan::of(&manifest.asks, &plugin.grants).map_err(|problems| problems.join("\n"))?;
        let mut problems = Vec::new();
        let mut configuration = configuration(plugin);
        for (key, source) in &plan.secrets {
            if configuration.contains_key(key) {
                problems.push(format!("{key} stands in config and in grants.secrets; take it out of one of them"));
            }
            match secret(key, source) {
                Ok(secret) => drop(configuration.insert(key.clone(), secret)),
                Err(problem) => problems.push(problem),
            }
        }
        for directory in &plan.directories {
            if let Err(error) = std::fs::read_dir(&directory.path) {
                problems.push(format!("grants.directories: {} can't be opened: {error}", directory.path.display()));
            }
        }
        let mut tls = None;
        if plan.tls || !plan.http.is_empty() {
            let authorities = Some(plugin.grants.ca.as_path()).filter(|file| !file.as_os_str().is_empty());
            match tls::client_config(authorities) {
                Ok(config) => tls = Some(config),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
        let limits = plugin.limits.clone();
        Ok(Self { plan, limits, configuration, tls, resolver: Arc::new(System), shared: OnceLock::new() })
    }

    /// With another resolver than the system's.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// What it comes to.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What it may use.
    pub fn limits(&self) -> &PluginLimits {
        &self.limits
    }

    /// Its configuration, the secrets among it.
    pub(super) fn configuration(&self) -> &BTreeMap<String, Secret> {
        &self.configuration
    }

    /// The host's TLS for connections of its own, if it may use it.
    pub(super) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone().filter(|_| self.plan.tls)
    }

    /// What all instances have together, made for the first of them.
    pub(super) fn shared(&self, context: &Context) -> &Arc<Shared> {
        self.shared.get_or_init(|| {
            tell_differences(&context.plugin, &self.plan.differences);
            Arc::new(self.share(context))
        })
    }

    fn share(&self, context: &Context) -> Shared {
        let (limits, metrics) = (&self.limits, &context.metrics);
        let connections = Arc::new(Connections::new(limits.connections_max));
        let refusals = Arc::new(Refusals::new(&context.plugin, Arc::clone(metrics)));
        let http = Dialler::new(Arc::new(self.plan.http.clone()), Arc::clone(&self.resolver));
        let client = Client::new(http, self.tls.clone(), Arc::clone(&connections), Arc::clone(&refusals));
        let reach = Arc::new(self.plan.sockets.clone());
        let tcp = Dialler::new(Arc::clone(&reach), Arc::clone(&self.resolver));
        let sockets = SocketGrants::new(reach, tcp, connections, Arc::clone(&refusals));
        let log = GuestLog::new(
            &context.plugin,
            limits.log_lines_per_second_max,
            limits.log_line_bytes_max.as_usize(),
            Arc::clone(metrics),
        );
        Shared { client: Arc::new(client), sockets: Arc::new(sockets), refusals, log: Arc::new(log) }
    }
}

impl fmt::Debug for Permissions {
    /// Configuration and environment are left out: people put secrets there, whatever they are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permissions").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Both sides are told once, when a version goes into service.
fn tell_differences(plugin: &str, differences: &[Difference]) {
    for difference in differences {
        match difference.side {
            Side::Asked => tracing::info!(plugin, "plugin {plugin} {difference}"),
            Side::Granted => tracing::warn!(plugin, "plugin {plugin} {difference}"),
        }
    }
}

/// A text is given as it is, any other value as JSON. Kept as secrets all of them, so that none is shown by mistake.
fn configuration(plugin: &Plugin) -> BTreeMap<String, Secret> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    plugin.config.iter().map(|(key, value)| (key.clone(), Secret::new(text(value)))).collect()
}

fn secret(key: &str, source: &SecretSource) -> Result<Secret, String> {
    read_secret(source).map_err(|problem| format!("grants.secrets.{key}: {problem}"))
}

/// Reads a secret from where the operator says that it is.
///
/// # Errors
/// What is wrong with that place; the sentence goes on behind a key.
pub(in crate::plugin) fn read_secret(source: &SecretSource) -> Result<Secret, String> {
    match (source.file.as_os_str().is_empty(), source.env.as_str()) {
        (true, "") => Err("says neither file nor env; write where the secret is read from".into()),
        (false, "") => from_file(&source.file),
        (true, variable) => match std::env::var(variable) {
            Ok(value) => Ok(Secret::new(value)),
            Err(_) => Err(format!("the environment variable {variable} is not set, or no text")),
        },
        (false, _) => Err("says both file and env; keep one of them".into()),
    }
}

fn from_file(file: &Path) -> Result<Secret, String> {
    let refuse = |problem: String| format!("{} {problem}", file.display());
    let opened = std::fs::File::open(file).map_err(|error| refuse(format!("can't be read: {error}")))?;
    let mut text = String::new();
    let read = opened.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| refuse(format!("can't be read: {error}")))?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(refuse(format!("is longer than {SECRET_BYTES_MAX} bytes; is it the right file?")));
    }
    // The line break that every editor leaves at the end.
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Secret::new(line))
}

#[cfg(test)]
#[path = "permissions_tests.rs"]
mod tests;
