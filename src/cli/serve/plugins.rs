//! What looks after plugins while the server runs: the admin listener, SIGHUP, changes of files.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::StartError;
use crate::config::Config;
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
        let listener = Listener::bind(&Address::Unix(socket.clone())).await;
        let listener = listener.map_err(|error| StartError(format!("admin.socket: {error}")))?;
        restrict(socket)?;
        listeners.push(AdminListener { listener, needs_token: false });
    }
    if !config.admin.addr.is_empty() {
        let listener = Listener::bind(&Address::Tcp(config.admin.addr.clone())).await;
        let listener = listener.map_err(|error| StartError(format!("admin.addr: {error}")))?;
        listeners.push(AdminListener { listener, needs_token: true });
    }
    Ok(listeners)
}

/// Whoever opens the socket may replace what decides about access: that is the server's own user, and nobody else.
fn restrict(socket: &Path) -> Result<(), StartError> {
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| StartError(format!("admin.socket: {} can't be closed to others: {error}", socket.display())))
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
