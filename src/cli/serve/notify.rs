//! From the configuration to the hooks that are told what happens.

use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use crate::config::Config;
use crate::config::notifications::Endpoint;
use crate::notify::webhook::{self, Webhook};
use crate::notify::{Action, Bounds, Moment, Notifier, Options, Source};
use crate::telemetry::metrics::{Metrics, NotificationMetrics};

/// Builds the notifier and its hooks. An endpoint that can't be used is left out, and the log says why: `distribution` starts
/// with such a one too.
pub(in crate::cli) fn notifier(config: &Config, metrics: &Metrics) -> Arc<Notifier> {
    let (notifications, metrics) = (&config.notifications, metrics.notifications());
    let queue = &notifications.queue;
    let bounds = Bounds {
        events_max: usize::try_from(queue.events_max).unwrap_or(usize::MAX),
        bytes_max: queue.bytes_max.as_usize(),
        age_max: queue.age_max.get(),
    };
    let source = Source { addr: source_addr(&config.http.addr), instance_id: Uuid::now_v7().to_string() };
    let options = Options { source, include_references: notifications.events.includereferences, bounds };
    let notifier = Notifier::new(options, metrics.clone());
    for (index, endpoint) in notifications.endpoints.iter().enumerate() {
        add_endpoint(&notifier, &metrics, index, endpoint);
    }
    Arc::new(notifier)
}

/// Tells hooks when the server has been told to end, while requests under way may still end.
pub(super) async fn tell_when_stopping(notifier: Arc<Notifier>, mut drain: watch::Receiver<bool>) {
    if drain.wait_for(|draining| *draining).await.is_ok() {
        notifier.server(Moment::Stopping, []);
    }
}

fn add_endpoint(notifier: &Notifier, metrics: &NotificationMetrics, index: usize, endpoint: &Endpoint) {
    let options = endpoint_options(index, endpoint);
    let name = options.name.clone();
    if endpoint.disabled {
        return tracing::info!("notification endpoint {name} is disabled");
    }
    let metrics = metrics.hook(&name);
    match Webhook::new(options, metrics) {
        Ok(webhook) => {
            notifier.add(Arc::new(webhook));
            tracing::info!("notification endpoint {name}: events are posted to it");
        }
        Err(error) => tracing::warn!("{error}; no event is sent there"),
    }
}

/// What `distribution` takes for nothing or less, it takes the default for.
fn endpoint_options(index: usize, endpoint: &Endpoint) -> webhook::Options {
    let defaults = Endpoint::default();
    let positive = |period: crate::config::Period, default: crate::config::Period| match period.is_zero() {
        true => default.get(),
        false => period.get(),
    };
    let threshold = if endpoint.threshold > 0 { endpoint.threshold } else { defaults.threshold };
    let values = |(name, values): (&String, &Vec<crate::config::Secret>)| {
        values.iter().map(|value| (name.clone(), value.expose().to_owned())).collect::<Vec<_>>()
    };
    webhook::Options {
        name: if endpoint.name.is_empty() { format!("endpoints[{index}]") } else { endpoint.name.clone() },
        url: endpoint.url.clone(),
        headers: endpoint.headers.iter().flat_map(values).collect(),
        timeout: positive(endpoint.timeout, defaults.timeout),
        threshold: u32::try_from(threshold).unwrap_or(u32::MAX),
        backoff: positive(endpoint.backoff, defaults.backoff),
        ignored_media_types: endpoint.ignoredmediatypes.iter().chain(&*endpoint.ignore.mediatypes).cloned().collect(),
        ignored_actions: endpoint.ignore.actions.iter().filter_map(|name| action(name)).collect(),
    }
}

fn action(name: &str) -> Option<Action> {
    Action::ALL.into_iter().find(|action| action.as_str() == name)
}

/// The name of this host, with the port of `http.addr`, as `distribution` puts it together.
fn source_addr(addr: &str) -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let port = addr.rsplit_once(':').map(|(_, port)| port);
    match (name.trim(), port) {
        ("", _) => addr.to_owned(),
        (name, Some(port)) => format!("{name}:{port}"),
        (name, None) => name.to_owned(),
    }
}
