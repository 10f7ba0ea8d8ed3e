//! Between the trait's words and the contract's.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use wharf_bindings::auth::wharf::auth::types as wit;

use crate::auth::{Access, Action, AuthRequest, Credential, Decision, Resource};
use crate::telemetry::current_request;

/// The longest text of a plugin that is shown to clients or logged.
const SHOWN_CHARS_MAX: usize = 500;

/// The longest name of an identity, in bytes.
const NAME_BYTES_MAX: usize = 512;
/// Of an identity's attributes, more are not logged.
const ATTRIBUTES_MAX: usize = 32;
/// The longest challenge; what is longer would break clients and proxies.
const CHALLENGE_BYTES_MAX: usize = 8 << 10;

/// What a component is asked.
pub(super) struct Question {
    pub(super) context: wit::RequestContext,
    pub(super) wanted: Vec<wit::Access>,
}

/// `headers`: the ones that it may see.
pub(super) fn question(request: &AuthRequest<'_>, headers: &[HeaderName]) -> Question {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let context = wit::RequestContext {
        method: request.method.as_str().to_owned(),
        path: request.path.to_owned(),
        credentials: credentials(request),
        headers: visible(request, headers),
        peer: request.peer.map(|peer| peer.ip().to_canonical().to_string()),
        scheme: request.scheme.to_owned(),
        host: request.host.to_owned(),
        now_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        request_id: current_request().map(|id| id.to_string()).unwrap_or_default(),
        attributes: Vec::new(),
    };
    Question { context, wanted: request.access.iter().map(wanted).collect() }
}

fn credentials(request: &AuthRequest<'_>) -> wit::Credentials {
    let credential = Credential::of(request.headers);
    if credential.is_empty() {
        return wit::Credentials::Anonymous;
    }
    match credential {
        Credential::Absent => wit::Credentials::Anonymous,
        Credential::Bearer(token) => wit::Credentials::Bearer(token.to_owned()),
        Credential::Unusable(why) => wit::Credentials::Unusable(why.to_owned()),
        Credential::Basic(basic) => match String::from_utf8(basic.password) {
            Ok(password) => wit::Credentials::Basic(wit::Basic { username: basic.user, password }),
            Err(_) => wit::Credentials::Unusable("the password is not UTF-8".to_owned()),
        },
    }
}

fn visible(request: &AuthRequest<'_>, headers: &[HeaderName]) -> Vec<(String, String)> {
    let text =
        |name: &HeaderName, value: &HeaderValue| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
    let seen = |name: &&HeaderName| headers.contains(name);
    let all = request.headers.iter();
    all.filter(|(name, _)| seen(name)).filter_map(|(name, value)| text(name, value)).collect()
}

fn wanted(access: &Access) -> wit::Access {
    let on = match &access.resource {
        Resource::Repository(name) => wit::ResourceName::Repository(name.clone()),
        Resource::Catalog => wit::ResourceName::Catalog,
    };
    let action = match access.action {
        Action::Pull => wit::Action::Pull,
        Action::Push => wit::Action::Push,
        Action::Delete => wit::Action::Delete,
        Action::All => wit::Action::All,
    };
    wit::Access { on, action }
}

/// What a component grants.
pub(super) fn access(granted: &[wit::Access]) -> Vec<Access> {
    let one = |access: &wit::Access| Access {
        resource: match &access.on {
            wit::ResourceName::Repository(name) => Resource::Repository(name.clone()),
            wit::ResourceName::Catalog => Resource::Catalog,
        },
        action: match access.action {
            wit::Action::Pull => Action::Pull,
            wit::Action::Push => Action::Push,
            wit::Action::Delete => Action::Delete,
            wit::Action::All => Action::All,
        },
    };
    granted.iter().map(one).collect()
}

/// Who was let in. A name goes into logs and events, so one that can't stand there is none.
pub(super) fn name(identity: &wit::Identity) -> Option<String> {
    let fits = identity.name.len() <= NAME_BYTES_MAX && !identity.name.chars().any(char::is_control);
    fits.then(|| identity.name.clone())
}

/// What else a provider tells of somebody, for the log.
pub(super) fn attributes(identity: &wit::Identity) -> String {
    let all = identity.attributes.iter().take(ATTRIBUTES_MAX);
    shown(&all.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", "))
}

/// A challenge as the client can be sent it. Without a usable one a client would not learn how to log in, but it is refused all
/// the same.
pub(super) fn challenge(challenge: wit::Challenge) -> Decision {
    let reason = shown(&challenge.reason);
    match HeaderValue::try_from(&challenge.www_authenticate) {
        Ok(value) if !value.is_empty() && value.len() <= CHALLENGE_BYTES_MAX => {
            Decision::Challenge { www_authenticate: challenge.www_authenticate, reason }
        }
        _ => Decision::Challenge {
            www_authenticate: "Basic realm=\"Registry\"".to_owned(),
            reason: format!(
                "{reason} (and the plugin's www-authenticate is no value of a header, or too long; Basic is asked for)"
            ),
        },
    }
}

/// A text of a plugin, on one line and not too long.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
