//! A notification hook: is told what happens in the registry, and can tell others.
//!
//! It writes a line to the server's log for every push and every delete, of repositories that begin with `repositories` if
//! that is configured. Replace `tell` by what you need.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });
}

use bindings::exports::wharf::notify::hook::{Error, Event, Guest, InitError, Outcome, Subscription};
use bindings::wasi::config::store;
use bindings::wasi::logging::logging::{Level, log};
use bindings::wharf::notify::types::{Action, Actions, ConfigProblem, Levels, RegistryEvent, Subject};

struct Plugin;

bindings::export!(Plugin with_types_in bindings);

impl Guest for Plugin {
    /// Called once on each new instance. Check the configuration here, all keys at once.
    fn init() -> Result<(), InitError> {
        match setting("repositories").as_deref() {
            Some("") => Err(InitError::Config(vec![ConfigProblem {
                key: "repositories".to_owned(),
                problem: "is empty; leave it out to hear of every repository".to_owned(),
            }])),
            _ => Ok(()),
        }
    }

    /// Asked before this component takes over from another one, and by the health checks.
    fn health() -> Result<(), Error> {
        Ok(())
    }

    /// What this hook wants to hear of.
    fn subscriptions() -> Subscription {
        Subscription { actions: Actions::PUSH | Actions::DELETE, levels: Levels::empty(), server: false }
    }

    /// From 1 to 100 events; one outcome per event, in the same order: `Done`, `RetryAfterMs(5000)` or `Drop("why")`.
    fn handle(events: Vec<Event>) -> Vec<Outcome> {
        let repositories = setting("repositories").unwrap_or_default();
        events.iter().map(|event| outcome_of(event, &repositories)).collect()
    }
}

fn outcome_of(event: &Event, repositories: &str) -> Outcome {
    if let Subject::Registry(happened) = &event.subject
        && happened.target.repository.starts_with(repositories)
    {
        tell(happened);
    }
    // Also for what later versions may tell.
    Outcome::Done
}

fn tell(happened: &RegistryEvent) {
    let target = &happened.target;
    let action = match happened.action {
        Action::Push => "push",
        Action::Pull => "pull",
        Action::Mount => "mount",
        Action::Delete => "delete",
    };
    let who = happened.actor.as_deref().unwrap_or("somebody");
    let tag = target.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = target.content.as_ref().map(|content| format!(" ({})", content.digest)).unwrap_or_default();
    log(Level::Info, "{{name}}", &format!("{who}: {action} {}{tag}{digest}", target.repository));
}

/// A value of the plugin's configuration.
fn setting(key: &str) -> Option<String> {
    store::get(key).ok().flatten()
}
