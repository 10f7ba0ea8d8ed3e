//! What a guest writes to its log, to standard output and to standard error: lines in the server's log, with the
//! plugin's name and the request's id: a guest runs in the task of the request that it works for, and the log takes the
//! id from there. Bounded in length and in number, and cleaned of what could forge other lines.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wharf_bindings::host::wasi::logging::logging::{Host, Level};

use super::Sandbox;
use crate::telemetry::metrics::PluginMetrics;

/// What a guest says of where a line comes from.
const CONTEXT_BYTES_MAX: usize = 128;

/// The log of one version of a plugin.
#[derive(Debug)]
pub struct GuestLog {
    plugin: String,
    line_bytes_max: usize,
    lines_per_second_max: f64,
    budget: Mutex<Budget>,
    metrics: Arc<PluginMetrics>,
}

#[derive(Debug)]
struct Budget {
    lines: f64,
    since: Instant,
    dropped: u64,
}

impl GuestLog {
    /// With these limits.
    pub fn new(plugin: &str, lines_per_second_max: u32, line_bytes_max: usize, metrics: Arc<PluginMetrics>) -> Self {
        let lines_per_second_max = f64::from(lines_per_second_max);
        let budget = Mutex::new(Budget { lines: lines_per_second_max, since: Instant::now(), dropped: 0 });
        Self { plugin: plugin.to_owned(), line_bytes_max, lines_per_second_max, budget, metrics }
    }

    /// Writes a line, unless there were too many within the last second.
    pub fn line(&self, level: Level, context: &str, message: &str) {
        let Some(dropped) = self.admit(Instant::now()) else {
            self.metrics.log_line_dropped();
            return;
        };
        if dropped > 0 {
            tracing::warn!(
                plugin = self.plugin,
                "{dropped} lines of its log were left out; limits.log_lines_per_second_max is {}",
                self.lines_per_second_max
            );
        }
        write(&self.plugin, level, &clean(context, CONTEXT_BYTES_MAX), &clean(message, self.line_bytes_max));
    }

    /// How many lines were dropped before this one; `None` when this one is, too.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(budget.since).as_secs_f64();
        budget.since = now;
        budget.lines = (budget.lines + elapsed * self.lines_per_second_max).min(self.lines_per_second_max);
        if budget.lines < 1.0 {
            budget.dropped += 1;
            return None;
        }
        budget.lines -= 1.0;
        Some(std::mem::take(&mut budget.dropped))
    }
}

fn write(plugin: &str, level: Level, context: &str, message: &str) {
    const TARGET: &str = crate::telemetry::GUEST;
    match level {
        Level::Trace => tracing::trace!(target: TARGET, plugin, context, "{message}"),
        Level::Debug => tracing::debug!(target: TARGET, plugin, context, "{message}"),
        Level::Info => tracing::info!(target: TARGET, plugin, context, "{message}"),
        Level::Warn => tracing::warn!(target: TARGET, plugin, context, "{message}"),
        Level::Error | Level::Critical => tracing::error!(target: TARGET, plugin, context, "{message}"),
    }
}

/// A guest's text as it may stand in a log: at most so many bytes of it, with control characters and those that change the
/// direction of writing escaped.
pub(super) fn clean(text: &str, bytes_max: usize) -> String {
    let kept = text.floor_char_boundary(bytes_max);
    let mut out = String::with_capacity(kept);
    for character in text[..kept].chars() {
        match character {
            '\t' => out.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                let _ = write!(out, "{}", character.escape_unicode());
            }
            _ if character.is_control() => out.extend(character.escape_default()),
            _ => out.push(character),
        }
    }
    if kept < text.len() {
        let _ = write!(out, "… ({} bytes more)", text.len() - kept);
    }
    out
}

impl Host for Sandbox {
    async fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        self.shared.log.line(level, &context, &message);
        Ok(())
    }
}

/// Standard output or standard error of an instance, a line of the log for each of its lines. Languages tell there why they end
/// themselves.
#[derive(Clone)]
pub struct Console {
    log: Arc<GuestLog>,
    level: Level,
    context: &'static str,
    line: Arc<Mutex<Vec<u8>>>,
}

impl Console {
    /// Standard output.
    pub fn output(log: Arc<GuestLog>) -> Self {
        Self { log, level: Level::Info, context: "stdout", line: Arc::default() }
    }

    /// Standard error.
    pub fn error(log: Arc<GuestLog>) -> Self {
        Self { log, level: Level::Warn, context: "stderr", line: Arc::default() }
    }

    /// Writes out what was written without an end of line.
    pub fn finish(&self) {
        let line = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell(&line);
    }

    fn tell(&self, line: &[u8]) {
        if !line.is_empty() {
            self.log.line(self.level, self.context, &String::from_utf8_lossy(line));
        }
    }
}

impl IsTerminal for Console {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Console {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Asked for by WASI 0.3 only, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Console {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            // One byte more than is shown, so that a cut line says so; what is behind it is gone.
            let room = (self.log.line_bytes_max + 1).saturating_sub(line.len());
            line.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.tell(&std::mem::take(&mut *line));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Console {
    async fn ready(&mut self) {}
}

#[cfg(test)]
#[path = "logging_tests.rs"]
mod tests;
