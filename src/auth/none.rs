//! `none`: the open registry.

use async_trait::async_trait;

use super::{AuthError, AuthProvider, AuthRequest, Decision, Identity};

/// Grants everything to everybody, and knows nobody.
///
/// An `Authorization` header is ignored, as it must be behind a proxy that checks passwords itself and hands the header on. The
/// identity stays empty although the header names a user: nobody has checked the password, so the name is only a claim.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl AuthProvider for Open {
    fn name(&self) -> &'static str {
        "none"
    }

    async fn authorize(&self, _request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        Ok(Decision::Granted { identity: Identity::default(), time_to_live: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Request, pull, push};

    #[tokio::test]
    async fn everything_is_granted_and_headers_are_ignored() {
        for request in [Request::new(&[]), Request::new(&[pull("a"), push("a")]).basic("mallory", "x")] {
            let decision = Open.authorize(request.get()).await.unwrap();
            assert_eq!(decision, Decision::Granted { identity: Identity::default(), time_to_live: None });
        }
    }
}
