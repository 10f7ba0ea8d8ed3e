//! What a token claims (RFC 7519 §4.1, and the `access` claim of the token protocol).

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::super::Access;
use super::jws::object;

/// The claims of a token whose signature is good.
#[derive(Debug, Deserialize)]
pub struct Claims {
    #[serde(default, deserialize_with = "or_default")]
    iss: String,
    /// The user; empty when the token was made for nobody in particular.
    #[serde(default, deserialize_with = "or_default")]
    pub sub: String,
    #[serde(default, deserialize_with = "or_default")]
    aud: Audience,
    /// Seconds since 1970, as the other times. Absent means expired.
    #[serde(default, deserialize_with = "or_default")]
    exp: f64,
    #[serde(default, deserialize_with = "or_default")]
    nbf: f64,
    #[serde(default, deserialize_with = "or_default")]
    access: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What may be done with one resource.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    actions: Vec<String>,
}

/// What the claims must say.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) service: String,
    /// How far two clocks may be apart.
    pub(super) leeway: Duration,
}

impl Claims {
    /// Reads the claims. A member that stands there twice is refused: two readers could take two different ones.
    pub fn parse(payload: &[u8]) -> Result<Self, String> {
        object(payload).map_err(|problem| format!("the token's claims: {problem}"))
    }

    /// Checks issuer, audience and times, and says which rule refuses.
    pub(super) fn check(&self, expected: &Expected, now: Duration) -> Result<(), String> {
        if self.iss != expected.issuer {
            return Err(format!("the token's issuer is {:?}, not {:?}", shortened(&self.iss), expected.issuer));
        }
        let service = &expected.service;
        let for_us = match &self.aud {
            Audience::One(name) => name == service,
            Audience::Several(names) => names.contains(service),
        };
        if !for_us {
            return Err(format!("the token's audience does not include {service:?}"));
        }
        let (now, leeway) = (now.as_secs_f64(), expected.leeway.as_secs_f64());
        if self.exp + leeway <= now {
            return Err(format!("the token has expired (exp {}, now {now:.0}, leeway {leeway})", self.exp));
        }
        if self.nbf - leeway > now {
            return Err(format!("the token is not valid yet (nbf {}, now {now:.0}, leeway {leeway})", self.nbf));
        }
        Ok(())
    }

    /// Whether the token grants this. Several entries for one resource add up; `*` grants every action.
    pub fn grants(&self, access: &Access) -> bool {
        self.access.iter().any(|entry| {
            entry.kind == access.resource.kind()
                && entry.name == access.resource.name()
                && entry.actions.iter().any(|action| action == "*" || action == access.action.as_str())
        })
    }
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

/// `null` is as good as absent: that is how servers in Go write an empty list.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The beginning of a text that a client has sent, for the log.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}
