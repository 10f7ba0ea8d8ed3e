//! Tokens that must be accepted, and forgeries of every kind that must not.

mod accepted;
mod forged;
mod setup;
mod signer;
mod vectors;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::key::PublicKey;
use super::*;
use crate::auth::testing::{Request, challenged};

const ISSUER: &str = "auth.example";
const SERVICE: &str = "registry.example";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn options() -> Options {
    Options {
        realm: "https://auth.example/token".to_owned(),
        service: SERVICE.to_owned(),
        issuer: ISSUER.to_owned(),
        rootcertbundle: None,
        jwks: None,
        signingalgorithms: Vec::new(),
        autoredirect_path: None,
        leeway: Duration::from_secs(60),
    }
}

/// A provider that trusts a bundle or a key set.
struct Server {
    dir: TempDir,
    provider: Token,
}

impl Server {
    fn new(bundle: Option<String>, jwks: Option<Value>) -> Self {
        Self::with(options(), bundle, jwks)
    }

    fn with(mut options: Options, bundle: Option<String>, jwks: Option<Value>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        options.rootcertbundle = bundle.map(|pem| {
            fs::write(dir.path().join("bundle.pem"), pem).unwrap();
            dir.path().join("bundle.pem")
        });
        options.jwks = jwks.map(|set| {
            fs::write(dir.path().join("jwks.json"), set.to_string()).unwrap();
            dir.path().join("jwks.json")
        });
        Self { provider: Token::open(options).unwrap(), dir }
    }

    async fn ask(&self, token: &str, access: &[Access]) -> Decision {
        self.provider.authorize(Request::new(access).bearer(token).get()).await.unwrap()
    }

    /// The `error="…"` of the challenge, and the reason for the log.
    async fn refusal(&self, token: &str, access: &[Access]) -> (Option<String>, String) {
        let (challenge, reason) = challenged(self.ask(token, access).await);
        assert!(challenge.starts_with(r#"Bearer realm="https://auth.example/token",service="registry.example""#));
        (challenge.split_once("error=").map(|(_, error)| error.trim_matches('"').to_owned()), reason)
    }
}

/// Claims that are good now, for one repository.
fn claims(repository: &str, actions: &[&str]) -> Value {
    json!({
        "iss": ISSUER, "sub": "ci", "aud": SERVICE, "exp": now() + 300, "nbf": now() - 10, "iat": now(), "jti": "1",
        "access": [{"type": "repository", "name": repository, "actions": actions}],
    })
}

/// The claims with one of them changed.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}
