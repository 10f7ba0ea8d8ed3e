//! Mail on a panic, or on any other log level or event.
//!
//! | Module | What is in it |
//! |---|---|
//! | [`settings`] | the configuration |
//! | [`report`] | events in the words of a mail |
//! | [`storm`] | when a mail is sent, and what goes into it |
//! | [`message`] | the mail itself: headers, encodings |
//! | [`smtp`] | the conversation with the mail server |
//! | [`wire`] | the connection, over `wasi:sockets` and `wasi:tls` |

#[allow(missing_docs, reason = "the documentation is in wit/")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/notify",
        inline: "
            package wharf:notify-mail;
            world mail {
                include wharf:notify/notification-hook@0.1.0;
                import wasi:sockets/instance-network@0.2.12;
                import wasi:sockets/tcp-create-socket@0.2.12;
                import wasi:sockets/ip-name-lookup@0.2.12;
                import wasi:tls/types@0.2.0-draft;
                import wasi:random/random@0.2.12;
            }
        ",
        world: "wharf:notify-mail/mail",
        features: ["tls"],
        generate_all,
        with: {
            "wasi:io/error@0.2.12": wharf_plugin_support::wasi::io::error,
            "wasi:io/poll@0.2.12": wharf_plugin_support::wasi::io::poll,
            "wasi:io/streams@0.2.12": wharf_plugin_support::wasi::io::streams,
        },
    });
}

mod message;
mod report;
mod settings;
mod smtp;
mod storm;
mod wire;

use bindings::exports::wharf::notify::hook::{Error, Event, Guest, InitError, Outcome, Subscription};
use bindings::wasi::logging::logging::{Level, log};
use bindings::wharf::notify::types::{Actions, ConfigProblem, Levels};
use message::Mail;
use settings::Settings;
use smtp::Failure;
use std::cell::RefCell;
use storm::{Fate, Storm};
use wharf_plugin_support::config::{Problem, Reader};
use wharf_plugin_support::time::now_ms;
use wire::Wire;

thread_local! {
    /// What this instance holds back. Lost with the instance, it comes again from the host, which was told to hand it over later.
    static STORM: RefCell<Storm> = RefCell::new(Storm::default());
}

struct Hook;

bindings::export!(Hook with_types_in bindings);

impl Guest for Hook {
    fn init() -> Result<(), InitError> {
        Settings::read(Reader::new()).map(drop).map_err(|problems| {
            let told = |Problem { key, problem }| ConfigProblem { key, problem };
            InitError::Config(problems.into_iter().map(told).collect())
        })
    }

    fn health() -> Result<(), Error> {
        // A mail server that is away for a while must not keep the registry from starting.
        Ok(())
    }

    fn subscriptions() -> Subscription {
        let wanted = Settings::read(Reader::new()).map(|settings| settings.wanted).unwrap_or_default();
        Subscription {
            actions: Actions::from_bits_truncate(wanted.actions),
            levels: Levels::from_bits_truncate(wanted.levels),
            server: wanted.server,
        }
    }

    fn handle(events: Vec<Event>) -> Vec<Outcome> {
        match Settings::read(Reader::new()) {
            Ok(settings) => STORM.with_borrow_mut(|storm| handle(&settings, storm, &events)),
            Err(_) => events.iter().map(|_| Outcome::Drop("the configuration is wrong".to_owned())).collect(),
        }
    }
}

fn handle(settings: &Settings, storm: &mut Storm, events: &[Event]) -> Vec<Outcome> {
    let now_ms = now_ms();
    for event in events {
        storm.take(report::of(event));
    }
    let sent = storm.due(settings, now_ms).map(|digest| {
        let mail = Mail::new(settings, &digest, now_ms, &unique());
        let refused = Wire::open(settings).and_then(|mut wire| smtp::deliver(&mut wire, settings, &mail))?;
        for refusal in refused {
            log(Level::Warn, "mail", &refusal);
        }
        Ok(())
    });
    match &sent {
        Some(Ok(())) => storm.sent(settings, now_ms),
        Some(Err(Failure::Temporary(reason))) => {
            log(Level::Warn, "mail", &format!("not sent, and tried again later: {reason}"));
            storm.failed(now_ms);
        }
        Some(Err(Failure::Permanent(_))) => storm.sent(settings, now_ms),
        None => {}
    }
    events
        .iter()
        .map(|event| match (storm.fate(&event.id, settings, now_ms), &sent) {
            (Fate::Later(milliseconds), _) => Outcome::RetryAfterMs(milliseconds),
            (Fate::Over, Some(Err(Failure::Permanent(reason)))) => Outcome::Drop(reason.clone()),
            (Fate::Over, _) => Outcome::Done,
        })
        .collect()
}

/// Something that no other mail has in its `Message-ID`.
fn unique() -> String {
    let bytes = bindings::wasi::random::random::get_random_bytes(16);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
