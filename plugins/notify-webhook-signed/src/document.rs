//! Events as JSON.

use crate::bindings::wharf::notify::types::{
    Action, Descriptor, Event, Level, LogRecord, Moment, RegistryEvent, ServerEvent, Subject,
};
use serde_json::{Map, Value, json};

/// The document that is posted.
pub(crate) fn of(events: &[Event]) -> Value {
    json!({ "events": events.iter().map(event).collect::<Vec<_>>() })
}

fn event(event: &Event) -> Value {
    let (kind, subject) = match &event.subject {
        Subject::Registry(event) => (action(event.action), registry(event)),
        Subject::Log(record) => ("log", log(record)),
        Subject::Server(event) => ("server", server(event)),
    };
    json!({
        "id": event.id,
        "sequence": event.sequence,
        "timestampMs": event.timestamp_ms,
        "attempt": event.attempt,
        "source": event.source,
        "kind": kind,
        "subject": subject,
    })
}

fn registry(event: &RegistryEvent) -> Value {
    let target = &event.target;
    json!({
        "repository": target.repository,
        "tag": target.tag,
        "content": target.content.as_ref().map(descriptor),
        "url": target.url,
        "fromRepository": target.from_repository,
        "references": target.references.iter().map(descriptor).collect::<Vec<_>>(),
        "actor": event.actor,
        "request": {
            "id": event.request.id,
            "addr": event.request.addr,
            "host": event.request.host,
            "method": event.request.method,
            "userAgent": event.request.user_agent,
        },
    })
}

fn descriptor(descriptor: &Descriptor) -> Value {
    json!({ "mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size_bytes })
}

fn log(record: &LogRecord) -> Value {
    let level = match record.level {
        Level::Panic => "panic",
        Level::Fatal => "fatal",
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    json!({ "level": level, "message": record.message, "fields": object(&record.fields) })
}

fn server(event: &ServerEvent) -> Value {
    let moment = match event.moment {
        Moment::Started => "started",
        Moment::Stopping => "stopping",
        Moment::PluginSwapped => "plugin-swapped",
        Moment::PluginFailing => "plugin-failing",
        Moment::CollectionFinished => "collection-finished",
    };
    json!({ "moment": moment, "attributes": object(&event.attributes) })
}

fn object(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>())
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Push => "push",
        Action::Pull => "pull",
        Action::Mount => "mount",
        Action::Delete => "delete",
    }
}
