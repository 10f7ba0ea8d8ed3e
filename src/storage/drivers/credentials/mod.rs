//! Credentials from the usual places, when the configuration has none: where they are looked for, in which order ([`Sources`]),
//! and how long one that was found is used ([`Renewed`]).
//!
//! How each place is asked is reqsign's business. What stands here is what its chains leave out: one fetch for all requests and
//! signers, a new one before the old one ends, the old one as long as it is good when the new one can't be had, and a sentence
//! that tells what was tried.

mod renewed;
mod surroundings;

use std::fmt;
use std::time::Duration;

use reqsign_core::time::Timestamp;
use reqsign_core::{Context, ProvideCredential, ProvideCredentialDyn};

use super::transport::reasons;
pub(super) use renewed::Renewed;
pub(super) use surroundings::{Client, Elsewhere, context, unsigned};

/// How long all places together may take to answer.
const FETCH_TIME_MAX: Duration = Duration::from_secs(10);
/// How much of a failure is told.
const REASON_CHARS_MAX: usize = 300;

/// A credential that may end.
pub(super) trait Perishable: Clone + fmt::Debug + Send + Sync + Unpin + 'static {
    /// Takes from it when it ends. What is left signs whatever it is given: whether it is still good is [`Renewed`]'s
    /// to know, and a URL may outlive what it was signed with, as one that is fetched at once does no harm by it.
    fn take_end(&mut self) -> Option<Timestamp>;
}

impl Perishable for reqsign_aws_v4::Credential {
    fn take_end(&mut self) -> Option<Timestamp> {
        self.expires_in.take()
    }
}

impl Perishable for reqsign_aliyun_oss::Credential {
    fn take_end(&mut self) -> Option<Timestamp> {
        self.expires_in.take()
    }
}

impl Perishable for reqsign_azure_storage::Credential {
    fn take_end(&mut self) -> Option<Timestamp> {
        match self {
            Self::SharedKey { .. } => None,
            Self::SasToken { expires_at, .. } => expires_at.take(),
            Self::BearerToken { expires_in, .. } => expires_in.take(),
        }
    }
}

impl Perishable for reqsign_google::Credential {
    fn take_end(&mut self) -> Option<Timestamp> {
        self.token.as_mut()?.expires_at.take()
    }
}

/// The places where credentials may be, in order. The first that has any is the one; so is one that should have some and fails,
/// lest a request be sent in somebody else's name.
pub(super) struct Sources<K> {
    /// The beginning of the sentence that tells that there are none, with the key of the configuration.
    intro: String,
    places: Vec<Place<K>>,
}

struct Place<K> {
    name: &'static str,
    provider: Box<dyn ProvideCredentialDyn<Credential = K>>,
    /// Whether somebody has to have set something for it to be asked.
    is_named: bool,
}

/// Why there are no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) sentence: String,
    pub(super) may_pass: bool,
}

impl<K: Perishable> Sources<K> {
    pub(super) fn new(intro: impl Into<String>) -> Self {
        Self { intro: intro.into(), places: Vec::new() }
    }

    /// And then this one, under a name that tells people what to set.
    pub(super) fn then(mut self, name: &'static str, provider: impl ProvideCredential<Credential = K>) -> Self {
        self.places.push(Place { name, provider: Box::new(provider), is_named: true });
        self
    }

    /// And if nobody has set anything, this one, which may not even be there: that it does not answer will not pass.
    pub(super) fn finally(mut self, name: &'static str, provider: impl ProvideCredential<Credential = K>) -> Self {
        self.places.push(Place { name, provider: Box::new(provider), is_named: false });
        self
    }

    async fn fetch(&self, context: &Context) -> Result<K, Refused> {
        let mut tried = Vec::with_capacity(self.places.len());
        let fetch = async {
            for Place { name, provider, is_named } in &self.places {
                match provider.provide_credential_dyn(context).await {
                    Ok(Some(credential)) => return Ok(credential),
                    Ok(None) => tried.push(format!("{name}: none there")),
                    Err(error) => {
                        let reason: String = reasons(&error).chars().take(REASON_CHARS_MAX).collect();
                        tried.push(format!("{name}: {reason}"));
                        return Err(*is_named && error.is_retryable());
                    }
                }
            }
            Err(false)
        };
        let may_pass = match tokio::time::timeout(FETCH_TIME_MAX, fetch).await {
            Ok(Ok(credential)) => return Ok(credential),
            Ok(Err(may_pass)) => may_pass,
            Err(_) => {
                let slow = self.places.get(tried.len());
                let name = slow.map_or("the next place", |place| place.name);
                tried.push(format!("{name}: no answer after {} s", FETCH_TIME_MAX.as_secs()));
                slow.is_some_and(|place| place.is_named)
            }
        };
        let sentence = format!("{}, and no credentials could be had. Tried: {}", self.intro, tried.join("; "));
        Err(Refused { sentence, may_pass })
    }
}
