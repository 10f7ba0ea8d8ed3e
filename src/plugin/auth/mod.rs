//! An auth provider that is a component: [`AuthProvider`] over the world `wharf:auth/auth-provider`.

mod convert;
mod decisions;
mod serve;
#[cfg(test)]
mod tests;
mod world;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use wharf_bindings::auth::wharf::auth::types as wit;

pub use serve::{Connection, ConnectionOf};
pub use world::{AuthGuest, AuthWorld};

use self::convert::Question;
use self::decisions::{Decisions, Key};
use super::slot::Slot;
use super::{Fault, PluginError};
use crate::auth::{AuthError, AuthProvider, AuthRequest, Decision, Identity};
use crate::config::plugin::OnFailure;
use crate::telemetry::metrics::PluginFault;

/// An auth provider that is a component.
///
/// What it grants is remembered for as long as it says, for the same credentials and the same headers that it may see. When it
/// can't decide (it answers with an error, traps, passes a limit, or is out of service) the request is refused with 503, or, with
/// `on-failure: native`, decided by the built-in provider that stands beside it.
pub struct PluginAuth {
    slot: Arc<Slot<AuthWorld>>,
    decisions: Decisions,
    native: Option<Arc<dyn AuthProvider>>,
    /// Header names that it may see, in lower case.
    headers: Vec<http::HeaderName>,
}

impl PluginAuth {
    /// Puts the component of a slot to use. `native` is the provider for `on-failure: native`.
    ///
    /// # Errors
    /// When the system gives no random numbers, or a granted header has a name that no header can have.
    pub fn new(slot: Arc<Slot<AuthWorld>>, native: Option<Arc<dyn AuthProvider>>) -> Result<Self, String> {
        let plugin = slot.plugin();
        let name = |text: &String| {
            text.parse().map_err(|_| format!("auth.plugin.grants.headers holds {text:?}, which is no name of a header"))
        };
        let headers = plugin.grants.headers.iter().map(name).collect::<Result<_, _>>()?;
        let native = native.filter(|_| plugin.on_failure == OnFailure::Native);
        Ok(Self { decisions: Decisions::new(&plugin.limits)?, native, headers, slot })
    }

    /// The component.
    pub fn slot(&self) -> &Arc<Slot<AuthWorld>> {
        &self.slot
    }

    /// What it serves itself, below the prefix that it was granted.
    pub fn router(&self, connection_of: ConnectionOf) -> axum::Router {
        serve::router(&self.slot, connection_of)
    }

    async fn ask(&self, question: &Question) -> Result<Result<wit::Decision, wit::Error>, PluginError> {
        let mut lease = self.slot.lease().await?;
        let (call, store, guest) = lease.begin("authorize")?;
        let provider = guest.provider.wharf_auth_provider();
        call.run(provider.call_authorize(store, &question.context, &question.wanted)).await
    }

    /// Turns the answer into a decision, and remembers what may be remembered.
    fn decide(&self, request: &AuthRequest<'_>, key: Key, answer: wit::Decision) -> Decision {
        match answer {
            wit::Decision::Granted(grant) => {
                let granted = convert::access(&grant.access);
                let missing = decisions::missing(request.access, &granted);
                if !missing.is_empty() {
                    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                    return Decision::Denied { reason: format!("not granted: {}", missing.join(" ")) };
                }
                let Some(name) = convert::name(&grant.identity) else {
                    let reason = "the plugin gives an identity whose name is too long, or holds control characters";
                    tracing::warn!(plugin = self.slot.name(), "auth: {reason}");
                    return Decision::Denied { reason: reason.to_owned() };
                };
                if !grant.identity.attributes.is_empty() {
                    let attributes = convert::attributes(&grant.identity);
                    tracing::debug!(plugin = self.slot.name(), "auth: let in: {name}, {attributes}");
                }
                let identity = Identity { name };
                self.decisions.remember(key, &identity, granted, grant.time_to_live_ms, grant.cache_key.as_deref());
                Decision::Granted { identity, time_to_live: None }
            }
            wit::Decision::Challenge(challenge) => {
                self.decisions.forget(challenge.cache_key.as_deref());
                convert::challenge(challenge)
            }
            wit::Decision::Denied(denial) => {
                self.decisions.forget(denial.cache_key.as_deref());
                Decision::Denied { reason: convert::shown(&denial.reason) }
            }
        }
    }

    async fn failed(&self, request: AuthRequest<'_>, reason: String) -> Result<Decision, AuthError> {
        let Some(native) = &self.native else { return Err(AuthError { provider: "plugin", reason }) };
        tracing::warn!(plugin = self.slot.name(), "auth: {} decides instead: {reason}", native.name());
        native.authorize(request).await
    }
}

#[async_trait]
impl AuthProvider for PluginAuth {
    fn name(&self) -> &'static str {
        "plugin"
    }

    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        let question = convert::question(&request, &self.headers);
        let key = self.decisions.key(self.slot.version().number, &question.context);
        if let Some(identity) = self.decisions.recall(&key, request.access, Instant::now()) {
            return Ok(Decision::Granted { identity, time_to_live: None });
        }
        match self.ask(&question).await {
            Ok(Ok(answer)) => Ok(self.decide(&request, key, answer)),
            Ok(Err(error)) => {
                self.slot.metrics().failed(PluginFault::Answer);
                let (wit::Error::Unavailable(reason) | wit::Error::Other(reason)) = error;
                self.failed(request, format!("{}: {}", self.slot.name(), convert::shown(&reason))).await
            }
            Err(error) => {
                if !matches!(error.fault, Fault::Failing { .. }) {
                    tracing::warn!(plugin = self.slot.name(), "{error}");
                }
                self.failed(request, error.to_string()).await
            }
        }
    }
}
