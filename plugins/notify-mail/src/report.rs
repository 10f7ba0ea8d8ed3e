//! Events in the words of a mail.

use crate::bindings::wharf::notify::types::{
    Action, Event, Level, LogRecord, Moment, RegistryEvent, ServerEvent, Subject,
};

/// The most bytes of one event's text: a log record may hold a stack trace, and a mail many of them.
const DETAIL_BYTES_MAX: usize = 8 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// The event's id.
    pub(crate) id: String,
    /// When it happened, in milliseconds since 1970.
    pub(crate) timestamp_ms: u64,
    /// Which server it happened in.
    pub(crate) source: String,
    /// Its kind in one word, such as `panic` or `push`.
    pub(crate) kind: &'static str,
    /// What happened, in a line.
    pub(crate) headline: String,
    /// What else is known, a line each.
    pub(crate) details: Vec<String>,
    /// The server may be gone before a later mail.
    pub(crate) urgent: bool,
}

/// An event as a report.
pub(crate) fn of(event: &Event) -> Report {
    let (kind, headline, mut details, urgent) = match &event.subject {
        Subject::Log(record) => log(record),
        Subject::Registry(event) => registry(event),
        Subject::Server(event) => server(event),
    };
    let mut room = DETAIL_BYTES_MAX;
    details.retain(|line| {
        room = room.saturating_sub(line.len());
        room > 0
    });
    Report {
        id: event.id.clone(),
        timestamp_ms: event.timestamp_ms,
        source: event.source.clone(),
        kind,
        headline: headline.chars().take(500).collect(),
        details,
        urgent: urgent || is_last(event),
    }
}

/// Whether the server says that it ends and hands the event over for the last time.
fn is_last(event: &Event) -> bool {
    event.attributes.iter().any(|(key, value)| key == "last-call" && value == "true")
}

type Parts = (&'static str, String, Vec<String>, bool);

fn log(record: &LogRecord) -> Parts {
    let (kind, urgent) = match record.level {
        Level::Panic => ("panic", false),
        Level::Fatal => ("fatal", true),
        Level::Error => ("error", false),
        Level::Warn => ("warn", false),
        Level::Info => ("info", false),
        Level::Debug => ("debug", false),
        Level::Trace => ("trace", false),
    };
    (kind, record.message.clone(), lines(&record.fields), urgent)
}

fn registry(event: &RegistryEvent) -> Parts {
    let kind = match event.action {
        Action::Push => "push",
        Action::Pull => "pull",
        Action::Mount => "mount",
        Action::Delete => "delete",
    };
    let target = &event.target;
    let digest = target.content.as_ref().map(|content| content.digest.as_str());
    let name = match (&target.tag, digest) {
        (Some(tag), _) => format!("{}:{tag}", target.repository),
        (None, Some(digest)) => format!("{}@{digest}", target.repository),
        (None, None) => target.repository.clone(),
    };
    let mut details = vec![format!("actor: {}", event.actor.as_deref().unwrap_or("anonymous"))];
    if let Some(content) = &target.content {
        details.push(format!("content: {}, {} bytes, {}", content.digest, content.size_bytes, content.media_type));
    }
    details.extend(target.from_repository.iter().map(|from| format!("from: {from}")));
    details.push(format!("request: {} from {}", event.request.id, event.request.addr));
    (kind, name, details, false)
}

fn server(event: &ServerEvent) -> Parts {
    let (headline, urgent) = match event.moment {
        Moment::Started => ("the server has started", false),
        Moment::Stopping => ("the server is stopping", true),
        Moment::PluginSwapped => ("a plugin was replaced", false),
        Moment::PluginFailing => ("a plugin keeps failing", false),
        Moment::CollectionFinished => ("a garbage collection has ended", false),
    };
    ("server", headline.to_owned(), lines(&event.attributes), urgent)
}

fn lines(pairs: &[(String, String)]) -> Vec<String> {
    pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect()
}
