//! The challenge that sends a client to the token server.

use super::super::challenge::{in_scope, quoted};
use super::super::{Access, Resource};

/// What is wrong with the token that was sent (RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenError {
    /// It is malformed, not trusted, expired, or not for us.
    Invalid,
    /// It is good, and grants too little.
    InsufficientScope,
}

/// `Bearer realm="…",service="…"[,scope="…"][,error="…"]`, without blanks after the commas: so clients have always seen it.
pub(super) fn challenge(realm: &str, service: &str, access: &[Access], error: Option<TokenError>) -> String {
    let mut challenge = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
    let scope = scope(access);
    if !scope.is_empty() {
        challenge.push_str(",scope=");
        challenge.push_str(&quoted(&scope));
    }
    challenge.push_str(match error {
        None => "",
        Some(TokenError::Invalid) => ",error=\"invalid_token\"",
        Some(TokenError::InsufficientScope) => ",error=\"insufficient_scope\"",
    });
    challenge
}

/// One item per resource with its actions joined by commas, in the order in which they were asked for.
fn scope(access: &[Access]) -> String {
    let mut items: Vec<(&Resource, Vec<&str>)> = Vec::new();
    for access in access.iter().filter(|access| in_scope(access)) {
        let action = access.action.as_str();
        match items.iter_mut().find(|(resource, _)| *resource == &access.resource) {
            None => items.push((&access.resource, vec![action])),
            Some((_, actions)) if actions.contains(&action) => {}
            Some((_, actions)) => actions.push(action),
        }
    }
    let item = |(resource, actions): (&Resource, Vec<&str>)| {
        format!("{}:{}:{}", resource.kind(), resource.name(), actions.join(","))
    };
    items.into_iter().map(item).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::{catalog, pull, push};

    #[test]
    fn challenges_are_exact() {
        let cases: [(&[Access], Option<TokenError>, &str); 7] = [
            (&[], None, ""),
            (&[], Some(TokenError::Invalid), r#",error="invalid_token""#),
            (&[pull("a/b")], None, r#",scope="repository:a/b:pull""#),
            (&[pull("a"), push("a")], None, r#",scope="repository:a:pull,push""#),
            (&[pull("a"), push("a"), pull("b")], None, r#",scope="repository:a:pull,push repository:b:pull""#),
            (&[pull("a"), push("a"), pull("a")], None, r#",scope="repository:a:pull,push""#),
            (
                &[catalog()],
                Some(TokenError::InsufficientScope),
                r#",scope="registry:catalog:*",error="insufficient_scope""#,
            ),
        ];
        for (access, error, rest) in cases {
            let expected = format!(r#"Bearer realm="https://auth.example/token",service="registry"{rest}"#);
            assert_eq!(challenge("https://auth.example/token", "registry", access, error), expected);
        }
    }

    #[test]
    fn a_name_can_not_smuggle_a_second_scope() {
        let scope = challenge("r", "s", &[pull("a:pull repository:b"), pull("c\"")], None);
        assert_eq!(scope, r#"Bearer realm="r",service="s",scope="repository:c\":pull""#);
    }

    #[test]
    fn a_repository_named_like_an_action_keeps_its_actions() {
        let scope = challenge("r", "s", &[pull("x:push"), push("x:push")], None);
        assert_eq!(scope, r#"Bearer realm="r",service="s",scope="repository:x:push:pull,push""#);
    }
}
