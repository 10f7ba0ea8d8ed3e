//! Access rules: who may do what in which repository, beside any provider.
//!
//! The provider says who somebody is (and, with tokens, what the token server grants); the rules say what that somebody may do.
//! Both must agree. What no rule allows is refused.

mod rule;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use self::rule::Grant;
pub use self::rule::Rule;
use super::credential::Credential;
use super::{Access, AuthError, AuthProvider, AuthRequest, Decision, Identity, SetupError};

/// A provider behind access rules.
pub struct AccessRules {
    provider: Arc<dyn AuthProvider>,
    grants: Vec<Grant>,
}

impl AccessRules {
    /// Puts rules before a provider. Without a rule the provider is returned as it is: it alone decides then.
    ///
    /// Fails when a rule names no one, nothing, or an action or glob that can't be understood.
    pub fn before(provider: Arc<dyn AuthProvider>, rules: &[Rule]) -> Result<Arc<dyn AuthProvider>, SetupError> {
        if rules.is_empty() {
            return Ok(provider);
        }
        let number = |(index, rule): (usize, &Rule)| {
            let named = |problem| SetupError::new("auth.access", format!("rule {}: {problem}", index + 1));
            Grant::compile(rule).map_err(named)
        };
        let grants = rules.iter().enumerate().map(number).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { provider, grants }))
    }

    /// What of the wanted access no rule grants.
    fn missing<'a>(&self, user: &str, wanted: &'a [Access]) -> Vec<&'a Access> {
        wanted.iter().filter(|access| !self.grants.iter().any(|grant| grant.allows(user, access))).collect()
    }
}

#[async_trait]
impl AuthProvider for AccessRules {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        // A request for nothing, `/v2/`, is how clients learn that there is a password at all, and how `docker login` checks
        // it: it always goes to the provider. docs/auth.md tells what each client makes of that.
        let anonymous = !request.access.is_empty() && Credential::of(request.headers).is_empty();
        if anonymous && self.missing("", request.access).is_empty() {
            return Ok(Decision::Granted { identity: Identity::default(), time_to_live: None });
        }
        let decision = self.provider.authorize(request).await?;
        let Decision::Granted { identity, .. } = &decision else { return Ok(decision) };
        let missing = self.missing(&identity.name, request.access);
        if missing.is_empty() {
            Ok(decision)
        } else {
            Ok(Decision::Denied { reason: refusal(&identity.name, &missing) })
        }
    }
}

fn refusal(user: &str, missing: &[&Access]) -> String {
    let who = if user.is_empty() { "anonymous requests".to_owned() } else { format!("user {user:?}") };
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    format!("no access rule allows {who} {}", missing.join(" "))
}
