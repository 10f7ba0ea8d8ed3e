//! Notification hooks that are components: those of `notifications.plugins` and of `log.hooks`, the mail hook among them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{StartError, notify};
use crate::config::Config;
use crate::config::log::{LogHook, MailOptions};
use crate::config::notifications::HookPlugin;
use crate::config::plugin::{Grants, Plugin};
use crate::notify::{Action, Bits, Moment, Notifier, Subscription};
use crate::plugin::event::Event;
use crate::plugin::notify::PluginHook;
use crate::plugin::sandbox::Sandbox;
use crate::plugin::slot::Spec;
use crate::plugin::{Host, Source};
use crate::registry::gc::GcOutcome;
use crate::telemetry::Level;
use crate::telemetry::metrics::Metrics;

/// The hook `type: mail`. It is made from plugins/notify-mail and lies in the repository, so that building the server takes no
/// compiler for WebAssembly.
const MAIL: &[u8] = include_bytes!("../../../plugins/notify-mail/notify-mail.wasm");

/// What is done to the sandbox of each new instance.
type Prepare = Arc<dyn Fn(&mut Sandbox) + Send + Sync>;

/// How long the first log record waits for others: what fails often fails more than once.
const LOG_LINGER: Duration = Duration::from_millis(500);

/// Loads the hooks that are configured, and tells hooks of what happens to plugins from now on.
///
/// # Errors
/// When one of them can't be loaded. A mail hook that can't be is only logged: `distribution` starts with such a one too.
pub(in crate::cli) async fn add(notifier: &Arc<Notifier>, host: &Host, config: &Config) -> Result<(), StartError> {
    add_plugins(notifier, host, config).await?;
    for (index, hook) in config.log.hooks.iter().enumerate().filter(|(_, hook)| !hook.disabled) {
        let levels = Subscription { levels: levels(&hook.levels), ..Subscription::default() };
        match (hook.kind.as_str(), &hook.plugin) {
            ("mail", _) => add_mail(notifier, host, index, hook, levels).await,
            ("plugin", Some(plugin)) => {
                let name = name(config, &format!("log.hooks[{index}].plugin"));
                add_plugin(notifier, host, &name, plugin, levels, LOG_LINGER).await?;
            }
            _ => {}
        }
    }
    let weak = Arc::downgrade(notifier);
    host.observe(Arc::new(move |event| {
        if let Some(notifier) = weak.upgrade() {
            tell(&notifier, event);
        }
    }));
    Ok(())
}

/// Tells the components of `notifications.plugins` what a collection did; for a command that ends right afterwards.
///
/// # Errors
/// When one of them can't be loaded, or does not take it in time.
pub(in crate::cli) async fn tell_collected(config: &Config, outcome: &GcOutcome) -> Result<(), StartError> {
    if config.notifications.plugins.is_empty() {
        return Ok(());
    }
    let metrics = Metrics::new();
    let (notifier, host) = (notify::notifier(config, &metrics), Host::new(&config.plugins, metrics.plugins()));
    add_plugins(&notifier, &host, config).await?;
    notifier.server(
        Moment::CollectionFinished,
        [
            ("blobs-deleted", outcome.blobs.to_string()),
            ("manifests-deleted", outcome.manifests.to_string()),
            ("bytes-freed", outcome.bytes.to_string()),
        ],
    );
    match notifier.close(config.notifications.queue.flush_timeout.get()).await {
        0 => Ok(()),
        _ => Err(StartError("it was not taken within notifications.queue.flush_timeout".to_owned())),
    }
}

async fn add_plugins(notifier: &Notifier, host: &Host, config: &Config) -> Result<(), StartError> {
    for (index, hook) in config.notifications.plugins.iter().enumerate() {
        let name = name(config, &format!("notifications.plugins[{index}]"));
        add_plugin(notifier, host, &name, &hook.plugin, allowed(hook), Duration::ZERO).await?;
    }
    Ok(())
}

/// What the plugin at this place is called.
fn name(config: &Config, key: &str) -> String {
    let places = config.plugins_by_place();
    places.into_iter().find(|place| place.key == key).map_or_else(|| key.to_owned(), |place| place.name)
}

async fn add_plugin(
    notifier: &Notifier,
    host: &Host,
    name: &str,
    plugin: &Plugin,
    allowed: Subscription,
    linger: Duration,
) -> Result<(), StartError> {
    let slot = host.open(name, plugin).await.map_err(StartError::from)?;
    notifier.add(PluginHook::open(host, slot, allowed, linger).await.map_err(StartError::from)?);
    Ok(())
}

async fn add_mail(notifier: &Notifier, host: &Host, index: usize, hook: &LogHook, allowed: Subscription) {
    let name = match index {
        0 => "mail".to_owned(),
        index => format!("mail-{index}"),
    };
    let opened = async {
        let source = Source::BuiltIn("notify-mail", Bytes::from_static(MAIL));
        let plugin = mail_plugin(&hook.options, &hook.levels);
        let prepare: Option<Prepare> = match hook.options.smtp.insecure {
            true => Some(Arc::new(Sandbox::trust_any_certificate)),
            false => None,
        };
        let spec = Spec { name: name.as_str().into(), source, plugin, prepare };
        let slot = host.open_spec(spec).await.map_err(|error| error.to_string())?;
        PluginHook::open(host, slot, allowed, Duration::ZERO).await.map_err(|error| error.to_string())
    };
    match opened.await {
        Ok(hook) => notifier.add(hook),
        Err(reason) => tracing::warn!("log.hooks[{index}]: no mail is sent: {reason}"),
    }
}

/// The component that sends mail, as the options of the hook configure it: it may reach the mail server and nothing else.
fn mail_plugin(options: &MailOptions, levels: &[String]) -> Plugin {
    let MailOptions { smtp, from, to } = options;
    let mut config: BTreeMap<String, Value> = BTreeMap::new();
    let mut set = |key: &str, value: Value| drop(config.insert(key.to_owned(), value));
    set("smtp.addr", json!(smtp.addr));
    set("smtp.insecure", json!(smtp.insecure));
    set("from", json!(from));
    set("to", json!(to.to_vec()));
    set("levels", json!(levels.iter().map(|word| level(word).as_str()).collect::<Vec<_>>()));
    if !smtp.username.is_empty() {
        set("smtp.username", json!(smtp.username));
        set("smtp.password", json!(smtp.password.expose()));
    }
    let sockets = [smtp.addr.clone()].into_iter().collect();
    // Mail servers stand in private networks, and who names one by its name means whatever that stands for.
    let networks = ["0.0.0.0/0", "::/0"].into_iter().collect();
    let grants = Grants { sockets, networks, tls: true, ..Grants::default() };
    Plugin { config, grants, ..Plugin::default() }
}

/// What the operator lets a hook hear of; everything where he says nothing.
fn allowed(hook: &HookPlugin) -> Subscription {
    let of_name = |name: &String| Action::ALL.into_iter().find(|action| action.as_str() == name);
    Subscription {
        actions: match hook.actions.is_empty() {
            true => Bits::ALL,
            false => hook.actions.iter().filter_map(of_name).collect(),
        },
        levels: if hook.levels.is_empty() { Bits::ALL } else { levels(&hook.levels) },
        server: hook.server.unwrap_or(true),
    }
}

fn levels(words: &[String]) -> Bits<Level> {
    words.iter().map(|word| level(word)).collect()
}

/// Words that are no level count as `panic`, as in `distribution`.
fn level(word: &str) -> Level {
    match word.to_lowercase().as_str() {
        "fatal" => Level::Fatal,
        "error" => Level::Error,
        "warn" | "warning" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        "trace" => Level::Trace,
        _ => Level::Panic,
    }
}

fn tell(notifier: &Notifier, event: &Event) {
    match event {
        Event::Swapped { plugin, from, to } => notifier.server(
            Moment::PluginSwapped,
            [("plugin", plugin.clone()), ("digest", to.clone()), ("previous-digest", from.clone())],
        ),
        Event::Failing { plugin, reason } => {
            notifier.server(Moment::PluginFailing, [("plugin", plugin.clone()), ("reason", reason.clone())]);
        }
    }
}
