//! The three shapes of a log record: text, JSON and logstash.

use std::fmt;
use std::io::Write as _;
use std::ops::Range;

use jiff::Timestamp;
use tracing::field::{Field, Visit};

use super::clock;
use crate::config::log::Formatter;

/// The fields of one record, each already written in the record's shape.
pub(super) struct Fields<'a> {
    formatter: Formatter,
    message: String,
    written: Vec<u8>,
    fields: Vec<(&'a str, Range<usize>)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(formatter: Formatter) -> Self {
        let (message, written) = (String::new(), Vec::with_capacity(512));
        Self { formatter, message, written, fields: Vec::with_capacity(24) }
    }

    /// Adds a field. The last one of a name counts.
    pub(super) fn text(&mut self, name: &'a str, value: &str) {
        let start = self.written.len();
        match self.formatter {
            Formatter::Text => text_value(value, &mut self.written),
            Formatter::Json | Formatter::Logstash => json_text(value, &mut self.written),
        }
        self.fields.push((name, start..self.written.len()));
    }

    /// Adds a field whose text means the same in every shape: a number, a boolean.
    pub(super) fn bare(&mut self, name: &'a str, value: impl fmt::Display) {
        let start = self.written.len();
        let _ = write!(self.written, "{value}");
        self.fields.push((name, start..self.written.len()));
    }

    /// Adds a value of any kind, from the configuration.
    pub(super) fn json(&mut self, name: &'a str, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => self.text(name, text),
            other if self.formatter == Formatter::Text => self.text(name, &other.to_string()),
            other => self.bare(name, other),
        }
    }

    /// Writes the record as one line.
    pub(super) fn line(mut self, level: &str, now: Timestamp, out: &mut Vec<u8>) {
        // As the original does: sorted, so that a field is found at the same place in every line.
        self.fields.sort_by_key(|(name, _)| *name);
        match self.formatter {
            Formatter::Text => self.text_line(level, now, out),
            Formatter::Json => self.json_line(["time", "level", "msg"], level, now, out),
            Formatter::Logstash => self.json_line(["@timestamp", "level", "message"], level, now, out),
        }
        out.push(b'\n');
    }

    fn text_line(&self, level: &str, now: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(b"time=\"");
        clock::rfc3339(now, out);
        out.extend_from_slice(b"\" level=");
        out.extend_from_slice(level.as_bytes());
        out.extend_from_slice(b" msg=");
        text_value(&self.message, out);
        for (name, value) in self.last_of_each() {
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(&self.written[value]);
        }
    }

    fn json_line(&self, [time, level_key, message]: [&str; 3], level: &str, now: Timestamp, out: &mut Vec<u8>) {
        let _ = write!(out, "{{\"{time}\":\"");
        clock::rfc3339(now, out);
        let _ = write!(out, "\",\"{level_key}\":\"{level}\",\"{message}\":");
        json_text(&self.message, out);
        if self.formatter == Formatter::Logstash {
            out.extend_from_slice(b",\"@version\":\"1\",\"type\":\"log\"");
        }
        for (name, value) in self.last_of_each() {
            out.push(b',');
            json_text(name, out);
            out.push(b':');
            out.extend_from_slice(&self.written[value]);
        }
        out.push(b'}');
    }

    /// A configured field gives way to a record's own of the same name, which was added later (the sort is stable).
    fn last_of_each(&self) -> impl Iterator<Item = (&'a str, Range<usize>)> {
        self.fields.iter().enumerate().filter_map(|(n, (name, value))| {
            let again = self.fields.get(n + 1).is_some_and(|(next, _)| next == name);
            (!again).then(|| (*name, value.clone()))
        })
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.text(name, value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.text(field.name(), &format!("{value:?}"));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), value);
    }
}

/// A value as logfmt has it: in quotes when there is anything in it that could be mistaken.
fn text_value(value: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return out.extend_from_slice(value.as_bytes());
    }
    out.push(b'"');
    for c in value.chars() {
        let _ = match c {
            '"' => out.write_all(b"\\\""),
            '\\' => out.write_all(b"\\\\"),
            '\n' => out.write_all(b"\\n"),
            '\t' => out.write_all(b"\\t"),
            '\r' => out.write_all(b"\\r"),
            // Also what a terminal would obey.
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)),
            c => out.write_all(c.encode_utf8(&mut [0; 4]).as_bytes()),
        };
    }
    out.push(b'"');
}

fn json_text(value: &str, out: &mut Vec<u8>) {
    // A text into a `Vec`: there is nothing that could fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(formatter: Formatter) -> String {
        let mut fields = Fields::new(formatter);
        fields.message = "listening on \"x\"".to_owned();
        fields.text("service", "registry");
        fields.text("b", "two\nlines");
        fields.bare("a", 1);
        fields.text("service", "mine");
        let mut out = Vec::new();
        fields.line("info", "2026-01-02T03:04:05Z".parse().unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_logfmt() {
        let line = line(Formatter::Text);
        assert!(line.starts_with("time=\"2026-01-"), "{line}");
        assert!(
            line.ends_with(" level=info msg=\"listening on \\\"x\\\"\" a=1 b=\"two\\nlines\" service=mine\n"),
            "{line}"
        );
    }

    #[test]
    fn json_and_logstash_are_one_object_per_line() {
        let json: serde_json::Value = serde_json::from_str(&line(Formatter::Json)).unwrap();
        assert_eq!(json["msg"], "listening on \"x\"");
        assert_eq!((&json["level"], &json["a"], &json["service"]), (&"info".into(), &1.into(), &"mine".into()));
        let json: serde_json::Value = serde_json::from_str(&line(Formatter::Logstash)).unwrap();
        assert_eq!((&json["@version"], &json["message"]), (&"1".into(), &"listening on \"x\"".into()));
        assert!(json["@timestamp"].is_string() && json["type"].is_string());
    }
}
