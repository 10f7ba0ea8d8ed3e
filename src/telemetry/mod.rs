//! What the server tells about itself: logs and metrics.
//!
//! The application log goes to standard error, the access log to standard output. Neither ever makes a request wait.

mod access;
mod clock;
mod dropped;
mod format;
mod log;
pub mod metrics;
mod redact;
mod request_id;
mod scope;
mod sink;
mod tap;

use std::io;
use std::sync::Arc;

use dropped::Dropped;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use tracing_subscriber::layer::SubscriberExt;

pub use access::{AccessLine, AccessLog};
pub use log::{FATAL, GUEST, PANIC};
pub use redact::redacted;
pub use request_id::RequestId;
pub use scope::{current_request, in_request, in_this_request};
pub use sink::Sink;
pub use tap::{Level, LogRecord, LogTap, untapped};

use crate::config::log::Log;

/// The logs of this process. [`Logs::close`] writes out what still waits.
pub struct Logs {
    errors: Sink,
    access: Option<Sink>,
    tap: tap::TapSlot,
}

impl Logs {
    /// Sends every `tracing` record of this process to standard error as configured, and opens the access log unless it is
    /// turned off. Can be done once.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: &Log) -> io::Result<Self> {
        let errors = Sink::start("wharf-log", io::stderr())?;
        let access = (!config.accesslog.disabled).then(|| Sink::start("wharf-access-log", io::stdout())).transpose()?;
        let tap = tap::TapSlot::default();
        let layer = log::LogLayer::new(config, errors.clone(), Arc::clone(&tap));
        // A second start in one process (tests) keeps the first one's log.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
        Ok(Self { errors, access, tap })
    }

    /// The access log, unless it is turned off.
    pub fn access(&self) -> Option<AccessLog> {
        self.access.clone().map(AccessLog::new)
    }

    /// Gives records to `tap` from now on. Can be done once.
    pub fn tap(&self, tap: Arc<dyn LogTap>) {
        let _ = self.tap.set(tap);
    }

    /// How many lines had to be dropped because nobody read them, for [`metrics::Metrics::add`].
    pub fn dropped(&self) -> impl Collector + use<> {
        let access = self.access.clone().map(|sink| ("access", sink));
        Dropped([("application", self.errors.clone())].into_iter().chain(access).collect())
    }

    /// Writes out what still waits; for the end of the process.
    pub fn close(&self) {
        if let Some(access) = &self.access {
            access.close();
        }
        self.errors.close();
    }
}

/// A moment as logs and events write it: RFC 3339 in local time with nine digits of a second.
pub fn rfc3339(moment: Timestamp) -> String {
    let mut text = Vec::with_capacity(36);
    clock::rfc3339(moment, &mut text);
    String::from_utf8(text).unwrap_or_default()
}
