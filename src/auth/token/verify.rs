//! From a token's text to claims that can be believed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::algorithm::Algorithm;
use super::challenge::TokenError;
use super::claims::{Claims, Expected, shortened};
use super::jws::{Jws, KeyReference};
use super::key::PublicKey;
use super::trust::{Bundle, Keys};

/// How many trusted ids a reason names.
const IDS_SHOWN_MAX: usize = 6;

/// How long a reason may be: what a parser says about a token may repeat a part of it.
const REASON_CHARACTERS_MAX: usize = 1000;

/// The keys that are trusted at this moment.
pub(super) struct Trust {
    pub(super) bundle: Option<Arc<Bundle>>,
    pub(super) key_set: Option<Arc<Keys>>,
}

/// Why a token is not believed.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What the client is told.
    pub(super) error: Option<TokenError>,
    /// What the log is told: the rule that refuses. Nothing of the token but names.
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(error: Option<TokenError>, reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        Self { error, reason: reason.chars().take(REASON_CHARACTERS_MAX).collect() }
    }

    fn invalid(reason: String) -> Self {
        Self::new(Some(TokenError::Invalid), reason)
    }
}

/// What a token must be to be believed, apart from its key.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) allowed: Vec<Algorithm>,
    pub(super) expected: Expected,
}

impl Verifier {
    /// Verifies a token: its form, its algorithm, its key, its signature, its claims, in this order.
    pub(super) fn verify(&self, token: &str, trust: &Trust) -> Result<Claims, Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let jws = Jws::parse(token).map_err(Refusal::invalid)?;
        let algorithm = self.algorithm(&jws.header.alg).map_err(Refusal::invalid)?;
        let reference = jws.header.key_reference().map_err(Refusal::invalid)?;
        let key = trust.key(&reference, algorithm, now).map_err(Refusal::invalid)?;
        if !algorithm.fits(&key) {
            return Err(Refusal::invalid(format!("the token's key can't have signed with {}", algorithm.name)));
        }
        if !algorithm.verify(&key, jws.signed, &jws.signature) {
            // No error for the client here: so clients know it from `distribution`.
            return Err(Refusal::new(None, "the token's signature does not fit its key"));
        }
        let claims = Claims::parse(&jws.payload).map_err(Refusal::invalid)?;
        claims.check(&self.expected, now).map_err(Refusal::invalid)?;
        Ok(claims)
    }

    fn algorithm(&self, name: &str) -> Result<Algorithm, String> {
        self.allowed.iter().find(|allowed| allowed.name == name).copied().ok_or_else(|| {
            let allowed: Vec<&str> = self.allowed.iter().map(|allowed| allowed.name).collect();
            format!("the token's algorithm {:?} is not allowed: allowed are {}", shortened(name), allowed.join(", "))
        })
    }
}

impl Trust {
    fn key(
        &self,
        reference: &KeyReference<'_>,
        algorithm: Algorithm,
        now: Duration,
    ) -> Result<Cow<'_, PublicKey>, String> {
        match reference {
            KeyReference::Chain(chain) => {
                let bundle =
                    self.bundle.as_ref().ok_or("the token brings x5c and auth.token.rootcertbundle is not set")?;
                bundle.vouched_for(chain, now).map(Cow::Owned)
            }
            KeyReference::Id(kid) => {
                let in_set = self.key_set.as_ref().and_then(|keys| keys.get(*kid));
                let in_bundle = || self.bundle.as_ref().and_then(|bundle| bundle.keys.get(*kid));
                let trusted = in_set.or_else(in_bundle).ok_or_else(|| self.unknown(kid))?;
                match &trusted.algorithm {
                    Some(only) if only != algorithm.name => {
                        Err(format!("the token is signed with {} and its key is for {only:?} only", algorithm.name))
                    }
                    _ => Ok(Cow::Borrowed(&trusted.key)),
                }
            }
        }
    }

    fn unknown(&self, kid: &str) -> String {
        let in_set = self.key_set.iter().flat_map(|keys| keys.keys());
        let in_bundle = self.bundle.iter().flat_map(|bundle| bundle.keys.keys());
        let known: Vec<&str> = in_set.chain(in_bundle).map(String::as_str).collect();
        let shown = known.iter().take(IDS_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        let more = known.len().saturating_sub(IDS_SHOWN_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("kid {:?} is not trusted: known ids are {shown}{more}", shortened(kid))
    }
}
