//! `silly`: wants a credential and does not look at it. For tests of clients, never for a registry that holds anything.

use async_trait::async_trait;
use http::header::AUTHORIZATION;

use super::challenge::{check_quotable, in_scope, quoted};
use super::{Access, AuthError, AuthProvider, AuthRequest, Decision, Identity, SetupError};

/// What `silly` needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the challenge names as realm.
    pub realm: String,
    /// What the challenge names as service.
    pub service: String,
}

/// Grants everything, as user `silly`, to any request with a non-empty `Authorization` header.
#[derive(Debug)]
pub struct Silly {
    options: Options,
}

impl Silly {
    /// Builds the provider. Fails when realm or service can't stand in a header.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        check_quotable("auth.silly.realm", &options.realm)?;
        check_quotable("auth.silly.service", &options.service)?;
        Ok(Self { options })
    }

    /// The challenge, with a scope item for every single action (unlike `token`, which joins the actions of a resource).
    fn challenge(&self, access: &[Access]) -> String {
        let mut challenge =
            format!("Bearer realm={},service={}", quoted(&self.options.realm), quoted(&self.options.service));
        let scope: Vec<String> = access.iter().filter(|access| in_scope(access)).map(Access::to_string).collect();
        if !scope.is_empty() {
            challenge.push_str(",scope=");
            challenge.push_str(&quoted(&scope.join(" ")));
        }
        challenge
    }
}

#[async_trait]
impl AuthProvider for Silly {
    fn name(&self) -> &'static str {
        "silly"
    }

    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        if request.headers.get(AUTHORIZATION).is_some_and(|value| !value.is_empty()) {
            return Ok(Decision::Granted { identity: Identity { name: "silly".to_owned() }, time_to_live: None });
        }
        Ok(Decision::Challenge {
            www_authenticate: self.challenge(request.access),
            reason: "no Authorization header was sent".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{Request, catalog, challenged, granted, pull, push};

    fn silly() -> Silly {
        Silly::new(Options { realm: "r".to_owned(), service: "s".to_owned() }).unwrap()
    }

    #[tokio::test]
    async fn any_header_will_do() {
        let request = Request::new(&[push("a")]).authorization("x");
        assert_eq!(granted(silly().authorize(request.get()).await.unwrap()), "silly");
    }

    #[tokio::test]
    async fn the_challenge_has_one_scope_item_per_action() {
        let cases = [
            (vec![], r#"Bearer realm="r",service="s""#),
            (vec![pull("a"), push("a")], r#"Bearer realm="r",service="s",scope="repository:a:pull repository:a:push""#),
            (vec![catalog()], r#"Bearer realm="r",service="s",scope="registry:catalog:*""#),
        ];
        for (access, expected) in cases {
            let request = Request::new(&access);
            assert_eq!(challenged(silly().authorize(request.get()).await.unwrap()).0, expected);
        }
        let empty = Request::new(&[]).authorization("");
        challenged(silly().authorize(empty.get()).await.unwrap());
    }
}
