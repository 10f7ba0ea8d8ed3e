//! Posts what happens as JSON, signed with a secret that the receiver knows too.

#[allow(missing_docs, reason = "the documentation is in wit/")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/notify",
        world: "wharf:notify/notification-hook",
        generate_all,
    });
}

mod answer;
mod document;
mod signature;

use bindings::exports::wharf::notify::hook::{Error, Event, Guest, InitError, Outcome, Subscription};
use bindings::wharf::notify::types::{Actions, ConfigProblem, Levels};
use wharf_plugin_support::config::{Problem, Reader};
use wharf_plugin_support::http::{Request, Url};
use wharf_plugin_support::time::now_ms;
use wharf_plugin_support::wanted::Wanted;

/// A secret that is shorter can be guessed from one signed message.
const SECRET_BYTES_MIN: usize = 16;

/// What the operator wrote.
struct Settings {
    url: Url,
    secret: String,
    timeout_ms: u64,
    wanted: Wanted,
}

impl Settings {
    fn read(mut reader: Reader) -> Result<Self, Vec<Problem>> {
        let text = reader.required("url", "the address to post to, such as https://hooks.example.com/registry");
        let url = Url::parse(&text).unwrap_or_else(|problem| {
            if !text.is_empty() {
                reader.problem("url", problem);
            }
            Url { secure: true, authority: String::new(), path: String::new() }
        });
        let secret = reader.required("secret", "what the receiver knows too, in grants.secrets");
        if !secret.is_empty() && secret.len() < SECRET_BYTES_MIN {
            reader.problem(
                "secret",
                format!("is shorter than {SECRET_BYTES_MIN} bytes: `openssl rand -hex 32` makes a good one"),
            );
        }
        let timeout_ms = reader.parsed("timeout-seconds", 8_u64, "a number of seconds").clamp(1, 3600) * 1000;
        let changes = Actions::PUSH | Actions::DELETE;
        let wanted = Wanted::read(&mut reader, Wanted { actions: changes.bits(), ..Wanted::default() });
        reader.finish(Self { url, secret, timeout_ms, wanted })
    }
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
        // A receiver that is away for a while must not keep the registry from starting; its events wait.
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
        let outcome = match Settings::read(Reader::new()) {
            Ok(settings) => post(&settings, &events),
            Err(_) => Outcome::Drop("the configuration is wrong".to_owned()),
        };
        events.iter().map(|_| outcome.clone()).collect()
    }
}

/// Posts a batch as one document: it arrives whole, or comes again whole.
fn post(settings: &Settings, events: &[Event]) -> Outcome {
    let body = document::of(events).to_string();
    let signature = signature::sign(settings.secret.as_bytes(), now_ms() / 1000, body.as_bytes());
    let attempt = events.iter().map(|event| event.attempt).max().unwrap_or(0);
    let request = Request::new("POST", &settings.url)
        .header("content-type", "application/json")
        .header("user-agent", concat!("wharf-notify-webhook-signed/", env!("CARGO_PKG_VERSION")))
        .header(signature::HEADER, signature)
        .timeout_ms(settings.timeout_ms);
    match request.send(body.as_bytes()) {
        Ok(response) => answer::outcome(response.status, response.header("retry-after"), attempt),
        Err(error) => answer::no_answer(&error, attempt),
    }
}
