//! Notification hooks that are components: those of `notifications.plugins` and of `log.hooks`, the mail hook among them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::StartError;
use crate::config::Config;
use crate::config::log::{LogHook, MailOptions};
use crate::config::notifications::HookPlugin;
use crate::config::plugin::{Grants, Plugin};
use crate::notify::{Action, Bits, Moment, Notifier, Subscription};
use crate::plugin::event::Event;
use crate::plugin::notify::PluginHook;
use crate::plugin::slot::Spec;
use crate::plugin::{Host, Source};
use crate::telemetry::Level;

/// The hook `type: mail`. It is made from plugins/notify-mail and lies in the repository, so that building the server takes no
/// compiler for WebAssembly.
const MAIL: &[u8] = include_bytes!("../../../plugins/notify-mail/notify-mail.wasm");

/// How long the first log record waits for others: what fails often fails more than once.
const LOG_LINGER: Duration = Duration::from_millis(500);

/// Loads the hooks that are configured, and tells hooks of what happens to plugins from now on.
///
/// # Errors
/// When one of them can't be loaded. A mail hook that can't be is only logged: `distribution` starts with such a one too.
pub(in crate::cli) async fn add(notifier: &Arc<Notifier>, host: &Host, config: &Config) -> Result<(), StartError> {
    let name = |key: String| {
        let places = config.plugins_by_place();
        places.into_iter().find(|place| place.key == key).map_or(key, |place| place.name)
    };
    for (index, hook) in config.notifications.plugins.iter().enumerate() {
        let name = name(format!("notifications.plugins[{index}]"));
        add_plugin(notifier, host, &name, &hook.plugin, allowed(hook), Duration::ZERO).await?;
    }
    for (index, hook) in config.log.hooks.iter().enumerate().filter(|(_, hook)| !hook.disabled) {
        let levels = Subscription { levels: levels(&hook.levels), ..Subscription::default() };
        match (hook.kind.as_str(), &hook.plugin) {
            ("mail", _) => add_mail(notifier, host, index, hook, levels).await,
            ("plugin", Some(plugin)) => {
                let name = name(format!("log.hooks[{index}].plugin"));
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
        let spec = Spec { name: name.as_str().into(), source, plugin, prepare: None };
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
    set("levels", json!(levels));
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

/// Words that are no level count as `panic`, as in `distribution`.
fn levels(words: &[String]) -> Bits<Level> {
    let level = |word: &String| match word.to_lowercase().as_str() {
        "fatal" => Level::Fatal,
        "error" => Level::Error,
        "warn" | "warning" => Level::Warn,
        "info" => Level::Info,
        "debug" => Level::Debug,
        "trace" => Level::Trace,
        _ => Level::Panic,
    };
    words.iter().map(level).collect()
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
