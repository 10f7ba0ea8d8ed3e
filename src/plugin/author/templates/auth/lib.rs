//! An auth provider: decides about every request that reaches the registry.
//!
//! It finds its users in its configuration under `users`, a line `NAME:PASSWORD` for each (the operator grants it as a
//! secret), and lets anybody pull when `anonymous-pull` is `true`. Replace `who_is` by what you need.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });
}

use bindings::exports::wharf::auth::provider::{Access, Decision, Error, Guest, InitError, RequestContext};
use bindings::wasi::config::store;
use bindings::wasi::logging::logging::{Level, log};
use bindings::wharf::auth::types::{Action, Challenge, ConfigProblem, Credentials, Grant, Identity};

struct Plugin;

bindings::export!(Plugin with_types_in bindings);

impl Guest for Plugin {
    /// Called once on each new instance. Check the configuration here, all keys at once, and keep it cheap.
    fn init() -> Result<(), InitError> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, problem: &str| {
            problems.push(ConfigProblem { key: key.to_owned(), problem: problem.to_owned() });
        };
        if setting("users").is_none() {
            problem("users", "is missing: grant it as a secret that has a line NAME:PASSWORD for each user");
        }
        if !matches!(setting("anonymous-pull").as_deref(), None | Some("true" | "false")) {
            problem("anonymous-pull", "is neither true nor false");
        }
        if problems.is_empty() { Ok(()) } else { Err(InitError::Config(problems)) }
    }

    /// Asked before this component takes over from another one, and by the health checks.
    fn health() -> Result<(), Error> {
        Ok(())
    }

    /// `context.credentials` says who comes, `wanted` lists what they are about to do; an empty list is a login.
    fn authorize(context: RequestContext, wanted: Vec<Access>) -> Result<Decision, Error> {
        if let Some(user) = who_is(&context.credentials) {
            return Ok(granted(user, wanted));
        }
        // Wrong credentials are refused, never treated as none.
        let pulls_only = !wanted.is_empty() && wanted.iter().all(|access| access.action == Action::Pull);
        let anonymous = matches!(context.credentials, Credentials::Anonymous);
        if anonymous && pulls_only && setting("anonymous-pull").as_deref() == Some("true") {
            return Ok(granted(String::new(), wanted));
        }
        if let Credentials::Basic(_) = context.credentials {
            let peer = context.peer.as_deref().unwrap_or("a unix socket");
            log(Level::Warn, "{{name}}", &format!("wrong password for a user at {peer}"));
        }
        Ok(Decision::Challenge(Challenge {
            www_authenticate: "Basic realm=\"{{name}}\"".to_owned(),
            reason: "these credentials are not enough".to_owned(),
            cache_key: None,
        }))
    }
}

/// The name of the user whom these credentials belong to.
fn who_is(credentials: &Credentials) -> Option<String> {
    let Credentials::Basic(basic) = credentials else { return None };
    let users = setting("users").unwrap_or_default();
    let expected = users.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| *name == basic.username);
    // The comparison runs for users who do not exist as well, so that time does not tell who does.
    let same = equal(basic.password.as_bytes(), expected.map_or("nobody has this password", |(_, password)| password).as_bytes());
    (same && expected.is_some()).then(|| basic.username.clone())
}

/// Grants what was wanted. The host may answer the same credentials from this for a minute without asking again.
fn granted(name: String, wanted: Vec<Access>) -> Decision {
    let cache_key = Some(name.clone()).filter(|name| !name.is_empty());
    let identity = Identity { name, attributes: Vec::new() };
    Decision::Granted(Grant { identity, access: wanted, time_to_live_ms: Some(60_000), cache_key })
}

/// Compares in a time that does not depend on where the two differ.
fn equal(given: &[u8], expected: &[u8]) -> bool {
    let mut different = given.len() ^ expected.len();
    for (index, byte) in expected.iter().enumerate() {
        let other = given.get(index % given.len().max(1)).copied().unwrap_or(0);
        different |= usize::from(byte ^ other);
    }
    std::hint::black_box(different) == 0
}

/// A value of the plugin's configuration.
fn setting(key: &str) -> Option<String> {
    store::get(key).ok().flatten()
}
