//! Events as a server would send them.

use wharf_bindings::notify::wharf::notify::types as wit;

/// 2026-01-01.
const NOW_MS: u64 = 1_767_225_600_000;

const ACTIONS: [(wit::Actions, wit::Action, &str); 4] = [
    (wit::Actions::PUSH, wit::Action::Push, "a push"),
    (wit::Actions::PULL, wit::Action::Pull, "a pull"),
    (wit::Actions::MOUNT, wit::Action::Mount, "a mount"),
    (wit::Actions::DELETE, wit::Action::Delete, "a delete"),
];

const LEVELS: [(wit::Levels, wit::Level, &str); 7] = [
    (wit::Levels::PANIC, wit::Level::Panic, "a panic"),
    (wit::Levels::FATAL, wit::Level::Fatal, "a fatal log record"),
    (wit::Levels::ERROR, wit::Level::Error, "an error in the log"),
    (wit::Levels::WARN, wit::Level::Warn, "a warning in the log"),
    (wit::Levels::INFO, wit::Level::Info, "an info in the log"),
    (wit::Levels::DEBUG, wit::Level::Debug, "a debug log record"),
    (wit::Levels::TRACE, wit::Level::Trace, "a trace log record"),
];

const MOMENTS: [(wit::Moment, &str); 5] = [
    (wit::Moment::Started, "the server's start"),
    (wit::Moment::Stopping, "the server's end"),
    (wit::Moment::PluginSwapped, "a plugin's swap"),
    (wit::Moment::PluginFailing, "a plugin's failing"),
    (wit::Moment::CollectionFinished, "a collection's end"),
];

/// One event of each kind that is subscribed to.
pub fn of(subscription: &wit::Subscription) -> Vec<wit::Event> {
    let actions = ACTIONS.iter().filter(|(flag, ..)| subscription.actions.contains(*flag));
    let levels = LEVELS.iter().filter(|(flag, ..)| subscription.levels.contains(*flag));
    let moments = MOMENTS.iter().filter(|_| subscription.server);
    let subjects = actions
        .map(|(_, action, _)| registry(*action))
        .chain(levels.map(|(_, level, _)| log(*level)))
        .chain(moments.map(|(moment, _)| server(*moment)));
    subjects.enumerate().map(|(number, subject)| event(number, subject)).collect()
}

/// One event of each kind there is.
pub fn all() -> Vec<wit::Event> {
    of(&wit::Subscription { actions: wit::Actions::all(), levels: wit::Levels::all(), server: true })
}

/// What an event is about, for people.
pub fn name(event: &wit::Event) -> &'static str {
    let found = match &event.subject {
        wit::Subject::Registry(about) => ACTIONS.iter().find(|(_, action, _)| *action == about.action).map(|at| at.2),
        wit::Subject::Log(record) => LEVELS.iter().find(|(_, level, _)| *level == record.level).map(|at| at.2),
        wit::Subject::Server(about) => MOMENTS.iter().find(|(moment, _)| *moment == about.moment).map(|at| at.1),
    };
    found.unwrap_or("an event")
}

/// Another event of the same kind.
pub fn numbered((number, event): (usize, wit::Event)) -> wit::Event {
    self::event(number, event.subject)
}

/// The same event, handed over again.
pub fn again(event: wit::Event) -> wit::Event {
    wit::Event { attempt: event.attempt + 1, ..event }
}

/// The event with what a later version might add, and with texts that a client chose.
pub fn of_later_version(mut event: wit::Event) -> wit::Event {
    let odd = "é😀\r\nBcc: everybody@example.com\u{0}<b>".to_owned();
    event.attributes.push(("of-a-later-version".to_owned(), odd.clone()));
    match &mut event.subject {
        wit::Subject::Registry(about) => {
            about.actor = None;
            about.request.user_agent = odd;
            about.target.content = None;
            about.target.tag = None;
        }
        wit::Subject::Log(record) => {
            record.message = odd.repeat(200);
            record.fields = vec![("field".to_owned(), odd)];
        }
        wit::Subject::Server(about) => about.attributes = vec![("of-a-later-version".to_owned(), odd)],
    }
    event
}

fn event(number: usize, subject: wit::Subject) -> wit::Event {
    wit::Event {
        id: format!("00000000-0000-4000-8000-{number:012}"),
        sequence: number as u64 + 1,
        timestamp_ms: NOW_MS + number as u64,
        attempt: 0,
        source: "registry.example:5000".to_owned(),
        subject,
        attributes: Vec::new(),
    }
}

fn registry(action: wit::Action) -> wit::Subject {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
    wit::Subject::Registry(wit::RegistryEvent {
        action,
        target: wit::Target {
            repository: "team/app".to_owned(),
            url: Some(format!("https://registry.example/v2/team/app/manifests/{digest}")),
            content: Some(wit::Descriptor { media_type, digest, size_bytes: 527 }),
            tag: Some("latest".to_owned()),
            from_repository: (action == wit::Action::Mount).then(|| "team/base".to_owned()),
            references: Vec::new(),
        },
        request: wit::Request {
            id: "00000000-0000-4000-8000-000000000000".to_owned(),
            addr: "192.0.2.7:40000".to_owned(),
            host: "registry.example".to_owned(),
            method: "PUT".to_owned(),
            user_agent: "docker/28".to_owned(),
        },
        actor: Some("alice".to_owned()),
    })
}

fn log(level: wit::Level) -> wit::Subject {
    let fields = vec![("http.request.id".to_owned(), "00000000-0000-4000-8000-000000000000".to_owned())];
    wit::Subject::Log(wit::LogRecord { level, message: "something that happened".to_owned(), fields })
}

fn server(moment: wit::Moment) -> wit::Subject {
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let attributes = match moment {
        wit::Moment::PluginSwapped => {
            vec![attribute("plugin", "auth"), attribute("digest", "sha256:b"), attribute("previous-digest", "sha256:a")]
        }
        wit::Moment::PluginFailing => vec![attribute("plugin", "auth"), attribute("reason", "it trapped")],
        wit::Moment::CollectionFinished => vec![attribute("blobs-deleted", "3"), attribute("bytes-freed", "1024")],
        wit::Moment::Started | wit::Moment::Stopping => Vec::new(),
    };
    wit::Subject::Server(wit::ServerEvent { moment, attributes })
}
