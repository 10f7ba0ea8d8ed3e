//! What looks after plugins while the server runs: the admin listener, SIGHUP, changes of files.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::StartError;
use crate::config::Config;
use crate::health::Health;
use crate::http::server::{self, Address, Listener, Settings};
use crate::plugin::{Host, admin, watch as files};

/// A socket of the admin API.
pub(super) struct AdminListener {
    listener: Listener,
    needs_token: bool,
}

/// Opens the admin sockets, as far as they are configured.
pub(super) async fn listeners(config: &Config) -> Result<Vec<AdminListener>, StartError> {
    let mut listeners = Vec::new();
    let socket = &config.admin.socket;
    if !socket.as_os_str().is_empty() {
        // Whoever opens it may replace what decides about access: that is the server's own user, and nobody else.
        let listener = Listener::bind_private(socket);
        let listener = listener.map_err(|error| StartError(format!("admin.socket: {error}")))?;
        listeners.push(AdminListener { listener, needs_token: false });
    }
    if !config.admin.addr.is_empty() {
        let listener = Listener::bind(&Address::Tcp(config.admin.addr.clone())).await;
        let listener = listener.map_err(|error| StartError(format!("admin.addr: {error}")))?;
        listeners.push(AdminListener { listener, needs_token: true });
    }
    Ok(listeners)
}

/// Starts the checks of the plugins that requests depend on. That a hook is ill is no reason to refuse them.
pub(super) fn check_health(config: &Config, host: &Host, health: &Arc<Health>) {
    let check = &config.health.plugins;
    for place in ["storage.plugin", "auth.plugin"] {
        let Some(slot) = host.slot(&config.plugin_name(place)).filter(|_| check.enabled) else { continue };
        let name = format!("plugin_{}", slot.name());
        health.watch(name, check.interval, check.threshold, move || Arc::clone(&slot).health());
    }
}

/// Begins to look after the plugins.
pub(super) fn look_after(
    config: &Config,
    host: &Arc<Host>,
    listeners: Vec<AdminListener>,
    drain: &watch::Receiver<bool>,
) -> Result<(), StartError> {
    for AdminListener { listener, needs_token } in listeners {
        tracing::info!("admin listening on {}", listener.describe());
        let token = needs_token.then(|| config.admin.token.clone());
        let router = admin::router(Arc::clone(host), token);
        tokio::spawn(server::serve(listener, Settings::default(), router, drain.clone()));
    }
    if host.slots().is_empty() {
        return Ok(());
    }
    let mut hangup = signal(SignalKind::hangup()).map_err(StartError::from)?;
    let reloaded = Arc::clone(host);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP: every plugin is loaded again");
            files::reload(&reloaded).await;
        }
    });
    let period = config.plugins.watch;
    if !period.is_zero() {
        tokio::spawn(files::watch(Arc::clone(host), period.get()));
    }
    Ok(())
}
