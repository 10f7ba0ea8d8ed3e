//! A tap on the application log: whoever is interested in records of some levels gets them as data, beside the line that is
//! written.

use std::fmt;
use std::sync::Arc;

use tokio::task_local;
use tracing::field::{Field, Visit};

/// How important a record is. `tracing` has neither the first nor the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Level {
    /// A request handler panicked.
    Panic,
    /// The server ends because of this.
    Fatal,
    /// Something failed.
    Error,
    /// Something unexpected that did no harm yet.
    Warn,
    /// What happens in the ordinary course of things.
    Info,
    /// For whoever looks for a fault.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    /// Its name as the log writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warn => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Its level.
    pub level: Level,
    /// Its message.
    pub message: String,
    /// Its fields in their order: those of the configuration, the request's id, its own.
    pub fields: Vec<(String, String)>,
}

/// Who gets records. Called on whatever thread logs, so it must neither block nor log.
pub trait LogTap: Send + Sync + 'static {
    /// Whether records of this level are wanted; asked before a record is made.
    fn wants(&self, level: Level) -> bool;

    /// Takes a record.
    fn record(&self, record: LogRecord);
}

/// Where a tap is put in, once, after the log has been started.
pub(super) type TapSlot = Arc<std::sync::OnceLock<Arc<dyn LogTap>>>;

task_local! {
    static UNTAPPED: ();
}

/// Runs `work` so that no record made in it reaches the tap: what the receiver of records has to say about its own troubles
/// must not become records that it receives.
pub async fn untapped<T>(work: impl Future<Output = T>) -> T {
    UNTAPPED.scope((), work).await
}

/// Whether a record of this target, made here and now, may reach the tap.
pub(super) fn is_tapped(target: &str) -> bool {
    const RECEIVERS: [&str; 2] = ["wharf::notify", super::GUEST];
    !RECEIVERS.iter().any(|receiver| target.starts_with(receiver)) && UNTAPPED.try_with(|()| ()).is_err()
}

/// Collects what a record says.
pub(super) struct Collected {
    pub(super) message: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Collected {
    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Collected {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::config::log::Log;
    use crate::telemetry::log::LogLayer;
    use crate::telemetry::{GUEST, PANIC, RequestId, Sink, in_request};

    /// Keeps what it gets; wants everything but `info`.
    #[derive(Default)]
    struct Kept(Mutex<Vec<LogRecord>>);

    impl LogTap for Kept {
        fn wants(&self, level: Level) -> bool {
            level != Level::Info
        }

        fn record(&self, record: LogRecord) {
            self.0.lock().unwrap().push(record);
        }
    }

    #[tokio::test]
    async fn records_arrive_as_data_but_for_those_of_their_receivers() {
        let (kept, slot) = (Arc::new(Kept::default()), TapSlot::default());
        assert!(slot.set(kept.clone()).is_ok());
        let config = Log { fields: [("service".to_owned(), "registry".into())].into(), ..Log::default() };
        let layer = LogLayer::new(&config, Sink::start("test", std::io::sink()).unwrap(), slot);
        let subscriber = tracing_subscriber::registry().with(layer);
        let guard = tracing::subscriber::set_default(subscriber);
        let id = RequestId::new();
        in_request(id, || tracing::error!(target: PANIC, place = 7, "panic: {}", "what"));
        tracing::info!("not wanted");
        tracing::debug!("below log.level");
        tracing::error!(target: GUEST, "of a plugin");
        tracing::error!(target: "wharf::notify::worker", "of the queue");
        untapped(async { tracing::error!("of whatever a hook calls") }).await;
        tracing::warn!(target: "hyper", "of a library");
        drop(guard);
        let records = kept.0.lock().unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = vec![pair("service", "registry"), pair("http.request.id", &id.to_string()), pair("place", "7")];
        assert_eq!(records[0], LogRecord { level: Level::Panic, message: "panic: what".to_owned(), fields });
        let others: Vec<&str> = records[1..].iter().map(|record| record.message.as_str()).collect();
        assert_eq!(others, ["of a library"]);
    }
}
