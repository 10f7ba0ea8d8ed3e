//! What a component is told is what happened; what it answers is taken as it is meant.

use std::sync::Arc;
use std::time::Duration;

use wharf_bindings::notify::wharf::notify::types as wit;

use super::convert;
use crate::notify::{Action, Content, Delivery, Event, Outcome, RegistryEvent, RequestRecord, Source, Subject, Target};
use crate::oci::{Algorithm, Hasher};
use crate::telemetry::{Level, LogRecord};

fn told(subject: Subject, last: bool) -> wit::Event {
    let source = Arc::new(Source { addr: "reg-0:5000".to_owned(), instance_id: "i".to_owned() });
    let timestamp = "2026-02-01T10:00:00.123456Z".parse().unwrap();
    let event = Arc::new(Event { id: uuid::Uuid::nil(), timestamp, source, subject });
    convert::event(&Delivery { event, sequence: 7, attempt: 2, last })
}

#[test]
fn a_mount_arrives_with_everything_that_is_known_of_it() {
    let digest = Hasher::digest(Algorithm::Sha256, b"x");
    let target = Target {
        repository: "team/copy".to_owned(),
        content: Some(Content::blob(digest.clone(), 1)),
        from_repository: Some("team/app".to_owned()),
        url: Some("/v2/".to_owned()),
        ..Target::default()
    };
    let request = RequestRecord { id: "r".to_owned(), user_agent: "test".to_owned(), ..RequestRecord::default() };
    let actor = Some("ci".to_owned());
    let event = told(Subject::Registry(RegistryEvent { action: Action::Mount, target, request, actor }), false);
    assert_eq!((event.sequence, event.attempt, event.timestamp_ms), (7, 2, 1_769_940_000_123));
    assert_eq!((event.source.as_str(), event.id.len()), ("reg-0:5000", 36));
    assert_eq!(event.attributes, [("instance-id".to_owned(), "i".to_owned())]);
    let wit::Subject::Registry(about) = event.subject else { panic!("{:?}", event.subject) };
    assert_eq!(about.action, wit::Action::Mount);
    assert_eq!(about.actor.as_deref(), Some("ci"));
    assert_eq!(about.target.from_repository.as_deref(), Some("team/app"));
    let content = about.target.content.unwrap();
    assert_eq!((content.digest.as_str(), content.size_bytes), (digest.as_str(), 1));
    assert_eq!((about.request.id.as_str(), about.request.user_agent.as_str()), ("r", "test"));
}

#[test]
fn the_last_call_is_told() {
    let record = LogRecord { level: Level::Panic, message: "panic".to_owned(), fields: Vec::new() };
    let event = told(Subject::Log(record), true);
    assert!(event.attributes.contains(&("last-call".to_owned(), "true".to_owned())));
    assert!(matches!(event.subject, wit::Subject::Log(record) if record.level == wit::Level::Panic));
}

#[test]
fn answers_are_taken_as_they_are_meant() {
    let retry = wit::Outcome::RetryAfterMs(1500);
    assert_eq!(convert::outcome(retry), Outcome::RetryAfter(Duration::from_millis(1500)));
    let Outcome::Drop(reason) = convert::outcome(wit::Outcome::Drop("é".repeat(10_000))) else { panic!("dropped") };
    assert_eq!(reason.chars().count(), 500, "a guest can't fill the log");
    let wanted = wit::Subscription {
        actions: wit::Actions::PUSH | wit::Actions::DELETE,
        levels: wit::Levels::PANIC | wit::Levels::WARN,
        server: true,
    };
    let subscription = convert::subscription(wanted);
    assert!(
        Action::ALL
            .into_iter()
            .filter(|action| subscription.actions.contains(*action))
            .eq([Action::Push, Action::Delete])
    );
    assert!(subscription.levels.contains(Level::Warn) && !subscription.levels.contains(Level::Error));
    assert!(subscription.server);
}
