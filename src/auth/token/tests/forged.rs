//! Tokens that nobody may get in with. Each says which rule refused, and none gets more than `invalid_token` as an answer.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::signer::{Authority, RsaSigner, Signer, encode, token};
use super::*;
use crate::auth::testing::pull;

/// Asks with a token that must be refused as invalid, for a reason that has these words.
async fn is_invalid(server: &Server, token: &str, words: &str) {
    let (error, reason) = server.refusal(token, &[pull("a")]).await;
    assert_eq!(error.as_deref(), Some("invalid_token"), "{words}: {reason}");
    assert!(reason.contains(words), "{words}: {reason}");
    assert!(token.len() < 20 || !reason.contains(token));
}

fn good() -> Value {
    claims("a", &["pull"])
}

#[tokio::test]
async fn without_a_token_there_is_no_error_in_the_challenge() {
    let server = Server::new(Some(Signer::new().certificate.pem()), None);
    for request in [
        Request::new(&[pull("a")]),
        Request::new(&[pull("a")]).authorization("Bearer "),
        Request::new(&[pull("a")]).basic("ci", "secret"),
    ] {
        let (challenge, _) = challenged(server.provider.authorize(request.get()).await.unwrap());
        let expected =
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a:pull""#;
        assert_eq!(challenge, expected);
    }
}

#[tokio::test]
async fn unsigned_tokens_and_unknown_algorithms() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let kid = signer.public().thumbprint();
    for alg in ["none", "None", "NONE", "", "es256", "ES256K", "RS1", "HS256"] {
        let header = json!({"alg": alg, "kid": kid});
        is_invalid(&server, &token(&header, &good(), |_| Vec::new()), "is not allowed").await;
        is_invalid(&server, &signer.token(&header, &good()), "is not allowed").await;
    }
    is_invalid(&server, &signer.token(&json!({"kid": kid}), &good()), "missing field `alg`").await;
    let unsigned = token(&json!({"alg": "ES256", "kid": kid}), &good(), |_| Vec::new());
    assert_eq!(server.refusal(&unsigned, &[pull("a")]).await.0, None);
}

#[tokio::test]
async fn hmac_with_a_public_key_as_the_secret() {
    let rsa = RsaSigner::new();
    let server = Server::new(Some(rsa.certificate.pem()), None);
    let kid = Bundle::parse(rsa.certificate.pem().as_bytes()).unwrap().keys.into_keys().next().unwrap();
    let secrets = [rsa.public_pem().into_bytes(), rsa.certificate.pem().into_bytes(), rsa.certificate.der().to_vec()];
    for secret in secrets {
        let sign = |text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text).as_ref().to_vec();
        is_invalid(&server, &token(&json!({"alg": "HS256", "kid": kid}), &good(), sign), "is not allowed").await;
    }
}

#[tokio::test]
async fn an_algorithm_of_another_kind_of_key() {
    let (ec, rsa) = (Signer::new(), RsaSigner::new());
    let server = Server::new(Some(format!("{}{}", ec.certificate.pem(), rsa.certificate.pem())), None);
    for alg in ["RS256", "PS256", "EdDSA", "ES384", "ES512"] {
        let header = json!({"alg": alg, "kid": ec.public().thumbprint()});
        is_invalid(&server, &ec.token(&header, &good()), "can't have signed with").await;
    }
    let kid = Bundle::parse(rsa.certificate.pem().as_bytes()).unwrap().keys.into_keys().next().unwrap();
    let es256 = token(&json!({"alg": "ES256", "kid": kid}), &good(), |text| rsa.sign(text));
    is_invalid(&server, &es256, "can't have signed with").await;
    let ps256 = token(&json!({"alg": "PS256", "kid": kid}), &good(), |text| rsa.sign(text));
    assert_eq!(server.refusal(&ps256, &[pull("a")]).await.0, None, "another padding is another signature");
}

#[tokio::test]
async fn only_the_algorithms_that_are_named_count() {
    let signer = Signer::new();
    let options = Options { signingalgorithms: vec!["RS256".to_owned(), "HS256".to_owned()], ..options() };
    let server = Server::with(options, Some(signer.certificate.pem()), None);
    is_invalid(&server, &signer.plain(&good()), "\"ES256\" is not allowed: allowed are RS256").await;
    let set = json!({"keys": [with(with(signer.jwk(), "kid", json!("k")), "alg", json!("ES384"))]});
    let server = Server::new(None, Some(set));
    is_invalid(&server, &signer.token(&json!({"alg": "ES256", "kid": "k"}), &good()), "its key is for").await;
}

#[tokio::test]
async fn keys_that_nobody_trusts() {
    let (trusted, foreign) = (Signer::new(), Signer::new());
    let server = Server::new(Some(trusted.certificate.pem()), None);
    let known = trusted.public().thumbprint();
    is_invalid(&server, &foreign.plain(&good()), "is not trusted: known ids are").await;
    is_invalid(&server, &foreign.plain(&good()), &known).await;
    is_invalid(&server, &foreign.token(&json!({"alg": "ES256"}), &good()), "names no key").await;
    is_invalid(&server, &foreign.token(&json!({"alg": "ES256", "jwk": foreign.jwk()}), &good()), "names no key").await;
    let own_id = with(foreign.jwk(), "kid", json!(foreign.public().thumbprint()));
    is_invalid(&server, &foreign.token(&json!({"alg": "ES256", "jwk": own_id}), &good()), "is not trusted").await;
    let url = json!({"alg": "ES256", "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5c"});
    is_invalid(&server, &foreign.token(&url, &good()), "names no key").await;
}

#[tokio::test]
async fn a_trusted_id_with_a_foreign_signature() {
    let (trusted, foreign) = (Signer::new(), Signer::new());
    let server = Server::new(Some(trusted.certificate.pem()), None);
    let kid = trusted.public().thumbprint();
    let headers = [
        json!({"alg": "ES256", "kid": kid}),
        json!({"alg": "ES256", "jwk": with(foreign.jwk(), "kid", json!(kid))}),
        json!({"alg": "ES256", "x5c": [trusted.x5c()]}),
        json!({"alg": "ES256", "x5c": [trusted.x5c(), foreign.x5c()]}),
    ];
    for header in headers {
        let (error, reason) = server.refusal(&foreign.token(&header, &good()), &[pull("a")]).await;
        assert_eq!((error, reason.as_str()), (None, "the token's signature does not fit its key"), "{header}");
    }
}

#[tokio::test]
async fn chains_that_lead_nowhere() {
    let (root, foreign_root) = (Authority::new(), Authority::new());
    let server = Server::new(Some(root.certificate.pem()), None);
    let foreign = foreign_root.signer(|_| {});
    let expired = root.signer(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let early = root.signer(|params| params.not_before = rcgen::date_time_ymd(4000, 1, 1));
    for signer in [&foreign, &expired, &early] {
        let header = json!({"alg": "ES256", "x5c": [signer.x5c()]});
        is_invalid(&server, &signer.token(&header, &good()), "lead to none in auth.token.rootcertbundle").await;
    }
    let root_der = STANDARD.encode(root.certificate.der());
    let foreign_der = STANDARD.encode(foreign_root.certificate.der());
    let chains = [
        (json!([foreign.x5c(), root_der]), "lead to none"),
        (json!([foreign.x5c(), foreign_der]), "lead to none"),
        (json!([foreign.x5c(), "AAAA"]), "lead to none"),
        (json!([]), "0 certificates"),
        (json!(vec![foreign.x5c(); 9]), "9 certificates"),
        (json!(["-_-_"]), "not base64"),
        (json!(["AAAA"]), "can't be read"),
        (json!("AAAA"), "header"),
    ];
    for (chain, words) in chains {
        is_invalid(&server, &foreign.token(&json!({"alg": "ES256", "x5c": chain}), &good()), words).await;
    }
    let no_authority = Signer::new();
    let server = Server::new(None, Some(json!({"keys": [no_authority.jwk()]})));
    let header = json!({"alg": "ES256", "x5c": [no_authority.x5c()]});
    is_invalid(&server, &no_authority.token(&header, &good()), "rootcertbundle is not set").await;
}

#[tokio::test]
async fn a_certificate_of_the_bundle_that_has_expired_vouches_for_nobody() {
    let expired = Signer::build(|mut params, key| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        params.self_signed(key).unwrap()
    });
    let server = Server::new(Some(expired.certificate.pem()), None);
    let header = json!({"alg": "ES256", "x5c": [expired.x5c()]});
    is_invalid(&server, &expired.token(&header, &good()), "has expired or is not valid yet").await;
}

#[tokio::test]
async fn claims_that_are_not_for_us_or_not_now() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let cases = [
        ("iss", json!("other"), "issuer"),
        ("iss", Value::Null, "issuer"),
        ("aud", json!("other"), "audience"),
        ("aud", json!(["other", "registry.example.org"]), "audience"),
        ("aud", json!([]), "audience"),
        ("aud", Value::Null, "audience"),
        ("aud", json!(7), "claims"),
        ("exp", json!(now() - 61), "expired"),
        ("exp", json!(0), "expired"),
        ("exp", Value::Null, "expired"),
        ("exp", json!(-1e300), "expired"),
        ("exp", json!("tomorrow"), "claims"),
        ("nbf", json!(now() + 700), "not valid yet"),
        ("nbf", json!(1e300), "not valid yet"),
        ("access", json!({"type": "repository"}), "claims"),
        ("access", json!([{"type": "repository", "name": "a", "actions": "pull"}]), "claims"),
    ];
    for (name, value, words) in cases {
        is_invalid(&server, &signer.plain(&with(good(), name, value)), words).await;
    }
    for claims in [json!([]), json!("x"), Value::Null] {
        is_invalid(&server, &signer.plain(&claims), "claims").await;
    }
}

#[tokio::test]
async fn text_that_is_no_token() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let whole = signer.plain(&good());
    let parts: Vec<&str> = whole.split('.').collect();
    let kid = signer.public().thumbprint();
    let twice = format!(r#"{{"alg":"none","alg":"ES256","kid":"{kid}"}}"#);
    let critical = json!({"alg": "ES256", "kid": kid, "crit": ["exp"]});
    let cases = [
        ("x".to_owned(), "three parts"),
        ("..".to_owned(), "header"),
        (whole[..whole.rfind('.').unwrap()].to_owned(), "three parts"),
        (format!("{whole}.x"), "three parts"),
        (format!("{whole}="), "base64url"),
        (format!("{}.{}.%%", parts[0], parts[1]), "base64url"),
        (format!("{}.{}.{}", encode("{}"), parts[1], parts[2]), "missing field `alg`"),
        (format!("{}.{}.{}", encode("\u{0}"), parts[1], parts[2]), "header"),
        (format!("{}.{}.{}", encode(twice), parts[1], parts[2]), "duplicate field `alg`"),
        (signer.token(&critical, &good()), "critical"),
        ("a".repeat(70_000), "more than 65536 bytes"),
        (format!("{}.{}.{}", encode("[".repeat(30_000)), parts[1], parts[2]), "header"),
    ];
    for (token, words) in cases {
        is_invalid(&server, &token, words).await;
    }
    let mut changed = whole.clone().into_bytes();
    let last = changed.len() - 20;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    let (error, _) = server.refusal(std::str::from_utf8(&changed).unwrap(), &[pull("a")]).await;
    assert_eq!(error, None);
}

#[tokio::test]
async fn claims_of_one_token_under_the_signature_of_another() {
    let signer = Signer::new();
    let server = Server::new(Some(signer.certificate.pem()), None);
    let (small, big) = (signer.plain(&claims("a", &[])), signer.plain(&claims("a", &["*"])));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (small, big) = (parts(&small), parts(&big));
    let mixed = format!("{}.{}.{}", small[0], big[1], small[2]);
    assert_eq!(server.refusal(&mixed, &[pull("a")]).await.0, None);
}

proptest! {
    #[test]
    fn any_text_is_refused_without_panic(text in "[!-~]{0,200}") {
        prop_assert!(super::super::jws::Jws::parse(&text).is_err());
    }

    #[test]
    fn any_header_and_claims_are_read_without_panic(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>(), alg in ".*") {
        let text = format!("{}.{}.AAAA", encode(&header), encode(&payload));
        prop_assert!(super::super::jws::Jws::parse(&text).is_err());
        let text = format!("{}.{}.AAAA", encode(json!({"alg": alg}).to_string()), encode(&payload));
        let jws = super::super::jws::Jws::parse(&text).unwrap();
        prop_assert_eq!(jws.header.alg, alg);
        prop_assert_eq!(jws.signed, &text.as_bytes()[..text.len() - 5]);
        prop_assert!(super::super::claims::Claims::parse(&payload).is_err());
    }
}
