//! `wharf serve`: puts the house together and runs it.

pub(super) mod descriptors;
pub(super) mod hooks;
mod listeners;
mod notify;
pub(super) mod parts;
mod plugins;
mod process;
pub(super) mod storage;

use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{Config, Loaded};
use crate::health::Health;
use crate::http::layers::{self, Recorder};
use crate::http::{debug, server};
use crate::notify::{Moment, Notifier};
use crate::plugin::Host;
use crate::registry::uploads::PurgeSchedule;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::{FATAL, LogTap, Logs};
use listeners::Listeners;
use parts::Parts;

/// Why the server cannot start: one sentence that names the thing and the mend.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct StartError(String);

impl StartError {
    fn from(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Runs the server until it is told to stop: by SIGTERM or SIGINT, after which requests under way may end.
pub fn run(loaded: Loaded) -> ExitCode {
    let outcome = Logs::start(&loaded.config.log).map_err(StartError::from).and_then(|logs| {
        let outcome = run_logged(loaded, &logs);
        logs.close();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_logged(loaded: Loaded, logs: &Logs) -> Result<(), StartError> {
    process::log_panics();
    process::raise_file_limit();
    let runtime = process::runtime(&loaded.config)?;
    let outcome = runtime.block_on(serve(loaded, logs));
    // Whatever still runs on a blocking thread now has lost its client.
    runtime.shutdown_background();
    outcome
}

async fn serve(loaded: Loaded, logs: &Logs) -> Result<(), StartError> {
    tracing::info!("configuration: {}", loaded.source);
    for warning in &loaded.warnings {
        tracing::warn!("configuration: {warning}");
    }
    let config = loaded.config;
    let flush_timeout = config.notifications.queue.flush_timeout.get();
    let metrics = Arc::new(Metrics::new());
    metrics.add(logs.dropped());
    // The sockets first: a second server by mistake should end before it touches the data.
    let listeners = Listeners::open(&config).await?;
    let host = Arc::new(Host::new(&config.plugins, metrics.plugins()));
    let notifier = notify::notifier(&config, &metrics);
    hooks::add(&notifier, &host, &config).await?;
    if notifier.has_hooks() {
        logs.tap(Arc::clone(&notifier) as Arc<dyn LogTap>);
    }
    let outcome = Box::pin(serve_told(config, &metrics, listeners, logs, &notifier, &host)).await;
    if let Err(error) = &outcome
        && notifier.has_hooks()
    {
        tracing::error!(target: FATAL, "the server ends: {error}");
    }
    let lost = notifier.close(flush_timeout).await;
    if lost > 0 {
        tracing::warn!(
            lost,
            "events could not be delivered to notification hooks within notifications.queue.flush_timeout"
        );
    }
    outcome
}

/// Serves, and tells hooks of it.
async fn serve_told(
    config: Config,
    metrics: &Arc<Metrics>,
    listeners: Listeners,
    logs: &Logs,
    notifier: &Arc<Notifier>,
    host: &Arc<Host>,
) -> Result<(), StartError> {
    let parts = Parts::build(&config, metrics, notifier, host).await?;
    let health = Arc::new(Health::new());
    let recorder = Arc::new(Recorder { access: logs.access(), metrics: metrics.http() });
    let stack = layers::stack(parts.router.clone(), &config.http.limits, Arc::clone(&health), recorder);

    let (stop, drain) = watch::channel(false);
    tokio::spawn(process::stop_on_signal(stop)?);
    let stopping = tokio::spawn(notify::tell_when_stopping(Arc::clone(notifier), drain.clone()));
    let settings = listeners.settings(&config);
    if let Some(tls) = &settings.tls {
        tokio::spawn(Arc::clone(tls).watch());
    }
    tell(&config, &parts, &listeners);
    plugins::look_after(&config, host, listeners.admin, &drain)?;
    health.start(&config.health, &parts.storage);
    plugins::check_health(&config, host, &health);
    if let Some(schedule) = PurgeSchedule::from_config(&config.storage.maintenance.uploadpurging) {
        schedule.start(Arc::clone(&parts.registry));
    }
    if let Some(listener) = listeners.debug {
        let prometheus = &config.http.debug.prometheus;
        let path = prometheus.enabled.then_some(&*prometheus.path);
        let router = debug::router(health, Arc::clone(metrics), Arc::clone(notifier), path);
        tokio::spawn(server::serve(listener, server::Settings::default(), router, drain.clone()));
    }
    notifier.server(Moment::Started, []);
    if server::serve(listeners.main, settings, stack, drain).await {
        tracing::info!("stopped; every request was answered");
    } else {
        tracing::warn!("stopped; some requests took longer than http.draintimeout and were cut off");
    }
    // An idle server drains faster than that task wakes, and afterwards no event is taken any more.
    let _ = stopping.await;
    Ok(())
}

/// The lines that operators look for after a start.
fn tell(config: &Config, parts: &Parts, listeners: &Listeners) {
    tracing::info!("storing in {}", parts.storage_place);
    tracing::info!("auth: {}", parts.auth_kind);
    if !config.redis.is_configured() {
        tracing::info!("redis not configured");
    }
    if let Some(kind) = &parts.cache_kind {
        tracing::info!("{kind}");
    }
    if let Some(listener) = &listeners.debug {
        tracing::info!("debug server listening on {}", listener.describe());
    }
    let tls = if listeners.tls.is_some() { ", tls" } else { "" };
    tracing::info!("listening on {}{tls}", listeners.main.describe());
}
