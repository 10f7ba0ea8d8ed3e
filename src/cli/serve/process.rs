//! What concerns the process as a whole: threads, signals, panics, the number of open files.

use std::panic::PanicHookInfo;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::StartError;
use crate::config::Config;
use crate::config::storage::Driver;
use crate::telemetry::PANIC;

/// The fewest threads for operations that block; what `distribution` uses as its least.
const BLOCKING_THREADS_MIN: u32 = 25;

/// One worker thread per processor, and a bounded number of threads for file operations.
pub(super) fn runtime(config: &Config) -> Result<Runtime, StartError> {
    let blocking = match config.storage.driver() {
        Some(Driver::Filesystem(filesystem)) => filesystem.maxthreads.max(BLOCKING_THREADS_MIN),
        _ => BLOCKING_THREADS_MIN,
    };
    Builder::new_multi_thread()
        .thread_name("wharf-worker")
        .max_blocking_threads(usize::try_from(blocking).unwrap_or(usize::MAX))
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("the system gives no threads: {error}")))
}

/// Every connection and every open blob is a file to the kernel, and many systems still allow 1024 where they would give more
/// to whoever asks. Nothing is lost when they do not.
pub(super) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}

/// Sends what panics have to say to the log, with the id of the request that hit them, instead of past it.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info.location().map_or_else(|| "?".to_owned(), ToString::to_string);
        let what = info.payload_as_str().unwrap_or("no message");
        tracing::error!(target: PANIC, place, "panic: {what}");
    }));
}

/// Waits for SIGTERM or SIGINT, then lets the server drain; a second one ends the process at once.
pub(super) fn stop_on_signal(stop: watch::Sender<bool>) -> Result<impl Future<Output = ()> + Send, StartError> {
    let cannot = |error| StartError(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: no new connections; requests under way may end");
        stop.send_replace(true);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(1);
    })
}
