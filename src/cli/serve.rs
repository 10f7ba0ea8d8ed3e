//! `wharf serve`: puts the house together and runs it.

use std::process::ExitCode;

use axum::Router;
use axum::routing::any;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::config::Loaded;
use crate::http::server::{self, Address, Listener, Settings};

/// Runs the server until it is told to stop.
pub fn run(loaded: Loaded) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("wharf: the system gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(loaded)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("wharf: {sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(loaded: Loaded) -> Result<(), String> {
    let address = Address::Tcp(loaded.config.http.addr);
    let listener = Listener::bind(&address).await.map_err(|error| error.to_string())?;
    eprintln!("listening on {}", listener.describe());
    let (stop, drain) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        stop.send_replace(true);
    });
    let router = Router::new()
        .route("/", any(|| async { [(CACHE_CONTROL, "no-cache")] }))
        .route("/v2/", any(|| async { ([(CONTENT_TYPE, "application/json")], "{}") }));
    server::serve(listener, Settings::default(), router, drain).await;
    Ok(())
}
