//! The application log: a [`tracing`] layer that writes records to standard error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::format::Fields;
use super::scope::current_request;
use super::sink::Sink;
use crate::config::log::{Formatter, Level as ConfiguredLevel, Log};

/// The target of records that tell of a caught panic: they are of level `panic`, which `tracing` does not have.
pub const PANIC: &str = "wharf::panic";

/// Formats records and hands them to the writer.
pub(super) struct LogLayer {
    sink: Sink,
    level: Level,
    formatter: Formatter,
    fields: BTreeMap<String, serde_json::Value>,
    report_caller: bool,
}

impl LogLayer {
    pub(super) fn new(config: &Log, sink: Sink) -> Self {
        let level = match config.level {
            ConfiguredLevel::Error => Level::ERROR,
            ConfiguredLevel::Warn => Level::WARN,
            ConfiguredLevel::Info => Level::INFO,
            ConfiguredLevel::Debug => Level::DEBUG,
        };
        let (formatter, fields) = (config.formatter, config.fields.clone());
        Self { sink, level, formatter, fields, report_caller: config.reportcaller }
    }

    /// Libraries tell of their inner life at the lower levels; an operator asked for the server's.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let own = metadata.target().starts_with("wharf");
        *metadata.level() <= if own { self.level } else { self.level.min(Level::WARN) }
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
        fields.line(level_name(metadata), Timestamp::now(), &mut line);
        self.sink.line(&line);
    }
}

fn level_name(metadata: &Metadata<'_>) -> &'static str {
    match *metadata.level() {
        _ if metadata.target() == PANIC => "panic",
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
