//! Tokens that a well-meaning token server makes.

use super::signer::{Authority, RsaSigner, Signer, token};
use super::*;
use crate::auth::testing::{catalog, granted, pull, push};
use crate::patience::until;

#[tokio::test]
async fn a_key_is_known_by_both_ids_whatever_its_kind() {
    let (ec, rsa) = (Signer::new(), RsaSigner::new());
    let pem = format!("{}{}{}", rsa.public_pem(), ec.certificate.pem(), rsa.certificate.pem());
    let server = Server::new(Some(pem), None);
    let parsed = Bundle::parse(ec.certificate.pem().as_bytes()).unwrap();
    let ids: Vec<&String> = parsed.keys.keys().collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids.iter().filter(|id| id.matches(':').count() == 11 && id.len() == 59).count(), 1);
    for kid in ids {
        let token = ec.token(&json!({"alg": "ES256", "kid": kid}), &claims("a", &["pull"]));
        assert_eq!(granted(server.ask(&token, &[pull("a")]).await), "ci");
    }
    for kid in Bundle::parse(rsa.certificate.pem().as_bytes()).unwrap().keys.keys() {
        let token = token(&json!({"alg": "RS256", "kid": kid}), &claims("a", &["pull"]), |text| rsa.sign(text));
        assert_eq!(granted(server.ask(&token, &[pull("a")]).await), "ci");
    }
}

#[tokio::test]
async fn chains_lead_to_the_bundle() {
    let root = Authority::new();
    let intermediate = root.authority();
    let server = Server::new(Some(root.certificate.pem()), None);
    let claims = claims("a", &["pull"]);
    let direct = root.signer(|_| {});
    let odd_usage =
        root.signer(|params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::EmailProtection]);
    for signer in [direct, odd_usage] {
        let token = signer.token(&json!({"alg": "ES256", "x5c": [signer.x5c()]}), &claims);
        granted(server.ask(&token, &[pull("a")]).await);
        let embedded = json!({"alg": "ES256", "jwk": {"kty": "EC", "x5c": [signer.x5c()]}});
        granted(server.ask(&signer.token(&embedded, &claims), &[pull("a")]).await);
    }
    let signer = intermediate.signer(|_| {});
    let between = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, intermediate.certificate.der());
    let whole = json!({"alg": "ES256", "x5c": [signer.x5c(), between]});
    granted(server.ask(&signer.token(&whole, &claims), &[pull("a")]).await);
    let broken = json!({"alg": "ES256", "x5c": [signer.x5c()]});
    assert!(server.refusal(&signer.token(&broken, &claims), &[pull("a")]).await.1.contains("rootcertbundle"));
}

#[tokio::test]
async fn a_self_signed_certificate_in_the_bundle_may_come_along_as_x5c() {
    let signer = Signer::new();
    let authority = Signer::build(|mut params, key| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(key).unwrap()
    });
    for signer in [signer, authority] {
        let server = Server::new(Some(signer.certificate.pem()), None);
        let header = json!({"alg": "ES256", "x5c": [signer.x5c()], "kid": "whatever"});
        granted(server.ask(&signer.token(&header, &claims("a", &["pull"])), &[pull("a")]).await);
    }
}

#[tokio::test]
async fn an_embedded_key_stands_for_the_trusted_key_of_its_id() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let header = json!({"alg": "ES256", "jwk": with(signer.jwk(), "kid", json!(signer.public().thumbprint()))});
    granted(server.ask(&signer.token(&header, &claims("a", &["pull"])), &[pull("a")]).await);
}

#[tokio::test]
async fn a_key_set_is_read_again_when_it_changes() {
    let (old, new) = (Signer::new(), Signer::new());
    let set = |signer: &Signer| json!({"keys": [with(signer.jwk(), "kid", json!("current"))]});
    let server = Server::new(None, Some(set(&old)));
    let token = |signer: &Signer| signer.token(&json!({"alg": "ES256", "kid": "current"}), &claims("a", &["pull"]));
    granted(server.ask(&token(&old), &[pull("a")]).await);
    granted(server.ask(&old.plain(&claims("a", &["pull"])), &[pull("a")]).await);
    fs::write(server.dir.path().join("jwks.json"), "{half").unwrap();
    granted(server.ask(&token(&old), &[pull("a")]).await);
    fs::write(server.dir.path().join("jwks.json"), set(&new).to_string()).unwrap();
    until(async || !matches!(server.ask(&token(&new), &[pull("a")]).await, Decision::Challenge { .. })).await;
    assert_eq!(server.refusal(&token(&old), &[pull("a")]).await.0, None, "the signature is of another key");
}

#[tokio::test]
async fn claims_may_take_several_forms() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let good = || claims("a", &["pull"]);
    let cases = [
        with(good(), "aud", json!(["other", SERVICE])),
        with(good(), "exp", json!(now() - 20)),
        with(good(), "nbf", json!(now() + 50)),
        with(good(), "nbf", Value::Null),
        with(good(), "exp", json!(now() as f64 + 0.5)),
        with(good(), "access", json!([{"type": "repository", "class": "plugin", "name": "a", "actions": ["*"]}])),
    ];
    for claims in cases {
        granted(server.ask(&signer.plain(&claims), &[pull("a")]).await);
    }
    for sub in [json!(""), Value::Null] {
        assert_eq!(granted(server.ask(&signer.plain(&with(good(), "sub", sub)), &[pull("a")]).await), "");
    }
    let login = signer.plain(&with(good(), "access", Value::Null));
    assert_eq!(granted(server.ask(&login, &[]).await), "ci");
}

#[tokio::test]
async fn entries_for_one_resource_add_up_and_all_that_is_wanted_must_be_there() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let access = json!([
        {"type": "repository", "name": "a", "actions": ["pull"]},
        {"type": "repository", "name": "a", "actions": ["push"]},
        {"type": "repository", "name": "b", "actions": null},
        {"type": "registry", "name": "catalog", "actions": ["*"]},
    ]);
    let token = signer.plain(&with(claims("", &[]), "access", access));
    granted(server.ask(&token, &[pull("a"), push("a")]).await);
    granted(server.ask(&token, &[catalog()]).await);
    for missing in [vec![pull("b")], vec![pull("a"), pull("c")], vec![pull("A")], vec![pull("catalog")]] {
        let (error, reason) = server.refusal(&token, &missing).await;
        assert_eq!(error.as_deref(), Some("insufficient_scope"));
        assert!(reason.contains("does not grant"), "{reason}");
    }
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let start = now();
    let claims = with(with(claims("a", &["pull"]), "exp", json!(start + 300)), "nbf", json!(start - 10));
    let token = signer.plain(&claims);
    let trust = server.provider.trust().await;
    let at = |seconds| server.provider.verifier.verify(&token, &trust, Duration::from_secs(seconds));
    assert_eq!(at(start).unwrap().sub, "ci");
    assert_eq!(at(start + 359).unwrap().sub, "ci");
    assert!(at(start + 360).unwrap_err().reason.contains("expired"));
    assert_eq!(at(start - 70).unwrap().sub, "ci");
    assert!(at(start - 71).unwrap_err().reason.contains("not valid yet"));
}
