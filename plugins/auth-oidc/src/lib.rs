//! Lets in whoever holds a token of an OpenID Connect issuer: a CI system's workload, a cluster's, or a person's.
//!
//! | Module | What is in it |
//! |---|---|
//! | [`settings`] | the configuration |
//! | [`token`] | a token: its parts, its claims, whether they hold now |
//! | [`keys`] | the issuer's keys, and signatures checked with them |
//! | [`issuer`] | where the keys come from, and how long they are kept |
//! | [`rules`] | from claims to access |

#[allow(missing_docs, reason = "the documentation is in wit/")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/auth",
        world: "wharf:auth/auth-provider",
        generate_all,
    });
}

mod issuer;
mod keys;
mod rules;
mod settings;
mod token;

use bindings::exports::wharf::auth::provider::{Access, Decision, Error, Guest, InitError, RequestContext};
use bindings::wharf::auth::types::{
    Action, Challenge, ConfigProblem, Credentials, Denial, Grant, Identity, ResourceName,
};
use issuer::Unavailable;
use settings::Settings;
use token::{Claims, Token};
use wharf_plugin_support::config::{Problem, Reader};
use wharf_plugin_support::time;

struct Provider;

bindings::export!(Provider with_types_in bindings);

impl Guest for Provider {
    fn init() -> Result<(), InitError> {
        Settings::read(Reader::new()).map(drop).map_err(|problems| {
            let told = |Problem { key, problem }| ConfigProblem { key, problem };
            InitError::Config(problems.into_iter().map(told).collect())
        })
    }

    fn health() -> Result<(), Error> {
        let settings = settings()?;
        issuer::keys(&settings, time::now_ms()).map(drop).map_err(|Unavailable(reason)| Error::Unavailable(reason))
    }

    fn authorize(context: RequestContext, wanted: Vec<Access>) -> Result<Decision, Error> {
        let settings = settings()?;
        let token = match &context.credentials {
            Credentials::Anonymous => return Ok(challenge(&settings, "no credentials")),
            Credentials::Bearer(token) => token,
            // Clients that know only user names and passwords send the token as the password.
            Credentials::Basic(basic) => &basic.password,
            Credentials::Unusable(what) => return Ok(challenge(&settings, what)),
        };
        match claims(&settings, token, context.now_ms) {
            Ok(claims) => Ok(decide(&settings, &claims, wanted, context.now_ms)),
            Err(Refusal::Token(reason)) => Ok(challenge(&settings, &reason)),
            Err(Refusal::Unavailable(reason)) => Err(Error::Unavailable(reason)),
        }
    }
}

fn settings() -> Result<Settings, Error> {
    Settings::read(Reader::new()).map_err(|_| Error::Other("the configuration is wrong".to_owned()))
}

/// Why there are no claims to decide by.
enum Refusal {
    /// The token is no good.
    Token(String),
    /// Its issuer can't be asked for its keys.
    Unavailable(String),
}

/// The claims of a token whose signature is its issuer's and that holds now.
fn claims(settings: &Settings, token: &str, now_ms: u64) -> Result<Claims, Refusal> {
    let token = Token::parse(token).map_err(Refusal::Token)?;
    // What can be refused without a key is refused first: nobody makes us fetch keys with tokens of other issuers.
    let claims = token.claims().map_err(Refusal::Token)?;
    claims.check(settings, now_ms / 1000).map_err(Refusal::Token)?;
    let unavailable = |Unavailable(reason)| Refusal::Unavailable(reason);
    let known = issuer::keys(settings, now_ms).map_err(unavailable)?;
    let keys = match &token.header.kid {
        Some(kid) if !known.keys.has(kid) => issuer::refreshed(settings, known, now_ms).keys,
        _ => known.keys,
    };
    keys.verify(&token).map_err(Refusal::Token)?;
    Ok(claims)
}

fn decide(settings: &Settings, claims: &Claims, wanted: Vec<Access>, now_ms: u64) -> Decision {
    let may = |access: &Access| match &access.on {
        ResourceName::Repository(name) => {
            settings.rules.iter().any(|rule| rule.allows(claims, name, word(access.action)))
        }
        ResourceName::Catalog => settings.rules.iter().any(|rule| rule.allows_catalog(claims)),
    };
    let name = settings.username.expand(claims).unwrap_or_else(|| claims.subject().to_owned());
    if let Some(refused) = wanted.iter().find(|access| !may(access)) {
        let what = match &refused.on {
            ResourceName::Repository(repository) => format!("{} {repository}", word(refused.action)),
            ResourceName::Catalog => "list the catalog".to_owned(),
        };
        return Decision::Denied(Denial { reason: format!("no rule lets {name} {what}"), cache_key: None });
    }
    let left_ms = claims.expires().saturating_mul(1000).saturating_sub(now_ms).min(settings.decision_ms);
    Decision::Granted(Grant {
        identity: Identity { name, attributes: vec![("issuer".to_owned(), settings.issuer.clone())] },
        access: wanted,
        time_to_live_ms: u32::try_from(left_ms).ok(),
        cache_key: None,
    })
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Pull => "pull",
        Action::Push => "push",
        Action::Delete => "delete",
        Action::All => "*",
    }
}

fn challenge(settings: &Settings, reason: &str) -> Decision {
    Decision::Challenge(Challenge {
        // Basic, although a token is wanted: docker would take `Bearer` for the address of a token server.
        www_authenticate: format!("Basic realm=\"{}\"", settings.realm),
        reason: reason.to_owned(),
        cache_key: None,
    })
}
