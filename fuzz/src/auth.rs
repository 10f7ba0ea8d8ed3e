//! Credentials, as a provider judges them.

use super::text;
use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderValue, Method};
use std::fs;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use wharf::auth::token::{self, Token};
use wharf::auth::{Access, Action, AuthProvider as _, AuthRequest, Decision, Resource};

/// The public key of RFC 7515, appendix A.3.
const KEY_SET: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

static TOKEN: LazyLock<Token> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("wharf-fuzz-{}-keys.json", std::process::id()));
    fs::write(&path, KEY_SET).unwrap();
    Token::open(token::Options {
        realm: "https://auth.example/token".to_owned(),
        service: "registry.example".to_owned(),
        issuer: "issuer.example".to_owned(),
        rootcertbundle: None,
        jwks: Some(path),
        signingalgorithms: Vec::new(),
        autoredirect_path: None,
        leeway: Duration::from_secs(60),
    })
    .unwrap()
});

/// `Bearer` credentials: the fuzzer has no key that is trusted, so whatever it makes up is refused.
pub fn bearer(data: &[u8]) {
    let Some(token) = text(data) else { return };
    let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) else { return };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let access = [Access { resource: Resource::Repository("fuzz/repo".to_owned()), action: Action::Pull }];
    let (method, host) = (Method::GET, "registry.example");
    let request = AuthRequest {
        method: &method,
        path: "/v2/",
        headers: &headers,
        access: &access,
        peer: None,
        scheme: "https",
        host,
    };
    match RUNTIME.block_on(TOKEN.authorize(request)) {
        Ok(Decision::Challenge { www_authenticate, .. }) => assert!(www_authenticate.starts_with("Bearer realm=")),
        other => panic!("a made-up token led to {other:?}"),
    }
}
