//! Between the events of this server and those of `wharf:notify`.

use std::time::Duration;

use wharf_bindings::notify::wharf::notify::types as wit;

use crate::notify::{
    Action, Bits, Content, Delivery, Moment, Outcome, RegistryEvent, RequestRecord, Subject, Subscription, Target,
};
use crate::oci::Descriptor;
use crate::telemetry::{Level, LogRecord};

/// The attribute of events that are handed over while the server ends: there may be no later.
const LAST: &str = "last-call";

/// How much of a guest's text is logged.
const REASON_CHARS_MAX: usize = 500;

pub(super) fn event(delivery: &Delivery) -> wit::Event {
    let event = &delivery.event;
    let subject = match &event.subject {
        Subject::Registry(event) => wit::Subject::Registry(registry(event)),
        Subject::Log(record) => wit::Subject::Log(log(record)),
        Subject::Server(event) => wit::Subject::Server(wit::ServerEvent {
            moment: moment(event.moment),
            attributes: event.attributes.clone(),
        }),
    };
    let mut attributes = vec![("instance-id".to_owned(), event.source.instance_id.clone())];
    if delivery.last {
        attributes.push((LAST.to_owned(), "true".to_owned()));
    }
    wit::Event {
        id: event.id.to_string(),
        sequence: delivery.sequence,
        timestamp_ms: u64::try_from(event.timestamp.as_millisecond()).unwrap_or(0),
        attempt: delivery.attempt,
        source: event.source.addr.clone(),
        subject,
        attributes,
    }
}

fn registry(event: &RegistryEvent) -> wit::RegistryEvent {
    let RegistryEvent { action, target, request, actor } = event;
    wit::RegistryEvent {
        action: match action {
            Action::Push => wit::Action::Push,
            Action::Pull => wit::Action::Pull,
            Action::Mount => wit::Action::Mount,
            Action::Delete => wit::Action::Delete,
        },
        target: self::target(target),
        request: self::request(request),
        actor: actor.clone(),
    }
}

fn target(target: &Target) -> wit::Target {
    let content = |content: &Content| wit::Descriptor {
        media_type: content.media_type.to_owned(),
        digest: content.digest.as_str().to_owned(),
        size_bytes: content.size_bytes,
    };
    let reference = |descriptor: &Descriptor| wit::Descriptor {
        media_type: descriptor.media_type.clone(),
        digest: descriptor.digest.as_str().to_owned(),
        size_bytes: descriptor.size,
    };
    wit::Target {
        repository: target.repository.clone(),
        content: target.content.as_ref().map(content),
        tag: target.tag.clone(),
        url: target.url.clone(),
        from_repository: target.from_repository.clone(),
        references: target.references.iter().map(reference).collect(),
    }
}

fn request(request: &RequestRecord) -> wit::Request {
    let RequestRecord { id, addr, host, method, user_agent } = request.clone();
    wit::Request { id, addr, host, method, user_agent }
}

fn log(record: &LogRecord) -> wit::LogRecord {
    let level = match record.level {
        Level::Panic => wit::Level::Panic,
        Level::Fatal => wit::Level::Fatal,
        Level::Error => wit::Level::Error,
        Level::Warn => wit::Level::Warn,
        Level::Info => wit::Level::Info,
        Level::Debug => wit::Level::Debug,
        Level::Trace => wit::Level::Trace,
    };
    wit::LogRecord { level, message: record.message.clone(), fields: record.fields.clone() }
}

fn moment(moment: Moment) -> wit::Moment {
    match moment {
        Moment::Started => wit::Moment::Started,
        Moment::Stopping => wit::Moment::Stopping,
        Moment::PluginSwapped => wit::Moment::PluginSwapped,
        Moment::PluginFailing => wit::Moment::PluginFailing,
        Moment::CollectionFinished => wit::Moment::CollectionFinished,
    }
}

pub(super) fn outcome(outcome: wit::Outcome) -> Outcome {
    match outcome {
        wit::Outcome::Done => Outcome::Done,
        wit::Outcome::RetryAfterMs(ms) => Outcome::RetryAfter(Duration::from_millis(ms.into())),
        wit::Outcome::Drop(reason) => Outcome::Drop(reason.chars().take(REASON_CHARS_MAX).collect()),
    }
}

pub(super) fn subscription(wanted: wit::Subscription) -> Subscription {
    let actions = [
        (wit::Actions::PUSH, Action::Push),
        (wit::Actions::PULL, Action::Pull),
        (wit::Actions::MOUNT, Action::Mount),
        (wit::Actions::DELETE, Action::Delete),
    ];
    let levels = [
        (wit::Levels::PANIC, Level::Panic),
        (wit::Levels::FATAL, Level::Fatal),
        (wit::Levels::ERROR, Level::Error),
        (wit::Levels::WARN, Level::Warn),
        (wit::Levels::INFO, Level::Info),
        (wit::Levels::DEBUG, Level::Debug),
        (wit::Levels::TRACE, Level::Trace),
    ];
    let actions = actions.into_iter().filter(|(flag, _)| wanted.actions.contains(*flag)).map(|(_, action)| action);
    let levels = levels.into_iter().filter(|(flag, _)| wanted.levels.contains(*flag)).map(|(_, level)| level);
    Subscription {
        actions: actions.collect::<Bits<Action>>(),
        levels: levels.collect::<Bits<Level>>(),
        server: wanted.server,
    }
}
