//! The application log: a [`tracing`] layer that writes records to standard error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::format::Fields;
use super::scope::current_request;
use super::sink::Sink;
use super::tap::{self, Collected, LogRecord, TapSlot};
use crate::config::log::{Formatter, Level as ConfiguredLevel, Log};

/// The target of records that tell of a caught panic: they are of level `panic`, which `tracing` does not have.
pub const PANIC: &str = "wharf::panic";
/// The target of records that tell why the server ends: they are of level `fatal`, which `tracing` does not have either.
pub const FATAL: &str = "wharf::fatal";
/// The target of records that a plugin made. They are never told to hooks, or a hook could talk to itself for ever.
pub const GUEST: &str = "wharf::plugin::guest";

/// Formats records and hands them to the writer.
pub(super) struct LogLayer {
    sink: Sink,
    level: Level,
    formatter: Formatter,
    fields: BTreeMap<String, serde_json::Value>,
    report_caller: bool,
    tap: TapSlot,
}

impl LogLayer {
    pub(super) fn new(config: &Log, sink: Sink, tap: TapSlot) -> Self {
        let level = match config.level {
            ConfiguredLevel::Error => Level::ERROR,
            ConfiguredLevel::Warn => Level::WARN,
            ConfiguredLevel::Info => Level::INFO,
            ConfiguredLevel::Debug => Level::DEBUG,
        };
        let (formatter, fields) = (config.formatter, config.fields.clone());
        Self { sink, level, formatter, fields, report_caller: config.reportcaller, tap }
    }

    /// Gives a record to whoever taps the log, if its level is wanted there.
    fn tell(&self, event: &Event<'_>, level: tap::Level) {
        let Some(tap) = self.tap.get() else { return };
        if !tap.wants(level) || !tap::is_tapped(event.metadata().target()) {
            return;
        }
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = self.fields.iter().map(|(name, value)| (name.clone(), text(value)));
        let request = current_request().map(|request| ("http.request.id".to_owned(), request.to_string()));
        let mut collected = Collected { message: String::new(), fields: fields.chain(request).collect() };
        event.record(&mut collected);
        tap.record(LogRecord { level, message: collected.message, fields: collected.fields });
    }

    /// Libraries tell of their inner life at the lower levels; an operator asked for the server's. What wasmtime warns of is a
    /// guest's doing (a URL without a path is enough), so it would be a flood that a guest can cause.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let most = match target {
            _ if target.starts_with("wharf") => self.level,
            _ if target.starts_with("wasmtime") => Level::ERROR,
            _ => self.level.min(Level::WARN),
        };
        *metadata.level() <= most
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::metadata::LevelFilter> {
        Some(self.level.into())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut id = [0; 36];
        let caller;
        let mut fields = Fields::new(self.formatter);
        for (name, value) in &self.fields {
            fields.json(name, value);
        }
        if let Some(request) = current_request() {
            fields.text("http.request.id", request.encode(&mut id));
        }
        if self.report_caller {
            caller = format!("{}:{}", metadata.file().unwrap_or("?"), metadata.line().unwrap_or(0));
            fields.text("file", &caller);
            fields.text("func", metadata.module_path().unwrap_or("?"));
        }
        event.record(&mut fields);
        let mut line = Vec::with_capacity(1024);
        let level = level(metadata);
        fields.line(level.as_str(), Timestamp::now(), &mut line);
        self.sink.line(&line);
        self.tell(event, level);
    }
}

fn level(metadata: &Metadata<'_>) -> tap::Level {
    match *metadata.level() {
        _ if metadata.target() == PANIC => tap::Level::Panic,
        _ if metadata.target() == FATAL => tap::Level::Fatal,
        Level::ERROR => tap::Level::Error,
        Level::WARN => tap::Level::Warn,
        Level::INFO => tap::Level::Info,
        Level::DEBUG => tap::Level::Debug,
        Level::TRACE => tap::Level::Trace,
    }
}
