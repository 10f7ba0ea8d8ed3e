//! From a token's text to claims that can be believed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::super::keyed_hash::KeyedHash;
use super::super::watched::Content;
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

/// How many verified tokens are remembered. Forgetting one costs one verification.
const REMEMBERED_MAX: u64 = 10_000;

/// For how long one is remembered at most: so long may a certificate of its chain have expired.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// The keys that are trusted at this moment.
pub(super) struct Trust {
    pub(super) bundle: Option<Content<Bundle>>,
    pub(super) key_set: Option<Content<Keys>>,
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
pub(super) struct Verifier {
    allowed: Vec<Algorithm>,
    pub(super) expected: Expected,
    hash: KeyedHash,
    /// Tokens whose signature is good, by the hash of the token and of the files whose keys it was verified with: other keys
    /// make other hashes. A client sends one token with every request of a pull, and a signature costs more than the rest of
    /// such a request.
    signed: Cache<[u8; 32], Arc<Claims>>,
}

impl Verifier {
    /// Fails when the system gives no random numbers.
    pub(super) fn new(allowed: Vec<Algorithm>, expected: Expected) -> Result<Self, String> {
        let signed = Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(REMEMBERED_FOR).build();
        Ok(Self { allowed, expected, hash: KeyedHash::new()?, signed })
    }

    /// Verifies a token: its form, its algorithm, its key, its signature, its claims, in this order. The claims of a remembered
    /// token are checked as well, at every request.
    pub(super) fn verify(&self, token: &str, trust: &Trust, now: Duration) -> Result<Arc<Claims>, Refusal> {
        let id = self.hash.of(&[token.as_bytes(), &trust.bundle_digest(), &trust.key_set_digest()]);
        let claims = match self.signed.get(&id) {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.signed_claims(token, trust, now)?);
                self.signed.insert(id, Arc::clone(&claims));
                claims
            }
        };
        claims.check(&self.expected, now).map_err(Refusal::invalid)?;
        Ok(claims)
    }

    fn signed_claims(&self, token: &str, trust: &Trust, now: Duration) -> Result<Claims, Refusal> {
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
        Claims::parse(&jws.payload).map_err(Refusal::invalid)
    }

    fn algorithm(&self, name: &str) -> Result<Algorithm, String> {
        self.allowed.iter().find(|allowed| allowed.name == name).copied().ok_or_else(|| {
            let allowed: Vec<&str> = self.allowed.iter().map(|allowed| allowed.name).collect();
            format!("the token's algorithm {:?} is not allowed: allowed are {}", shortened(name), allowed.join(", "))
        })
    }
}

impl Trust {
    fn bundle_digest(&self) -> [u8; 32] {
        self.bundle.as_ref().map_or([0; 32], |content| content.digest)
    }

    fn key_set_digest(&self) -> [u8; 32] {
        self.key_set.as_ref().map_or([0; 32], |content| content.digest)
    }

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
                bundle.value.vouched_for(chain, now).map(Cow::Owned)
            }
            KeyReference::Id(kid) => {
                let in_set = self.key_set.as_ref().and_then(|keys| keys.value.get(*kid));
                let in_bundle = || self.bundle.as_ref().and_then(|bundle| bundle.value.keys.get(*kid));
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
        let in_set = self.key_set.iter().flat_map(|keys| keys.value.keys());
        let in_bundle = self.bundle.iter().flat_map(|bundle| bundle.value.keys.keys());
        let known: Vec<&str> = in_set.chain(in_bundle).map(String::as_str).collect();
        let shown = known.iter().take(IDS_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
        let more = known.len().saturating_sub(IDS_SHOWN_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("kid {:?} is not trusted: known ids are {shown}{more}", shortened(kid))
    }
}
