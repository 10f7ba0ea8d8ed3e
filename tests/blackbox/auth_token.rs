//! Bearer tokens: the challenge, the scope of every route, and what is not a token.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::jwt::{Issuer, claims, message, now};
use crate::support::server::Setup;
use crate::support::{Blob, Request, Response, Server, sha256};

const START: &str = r#"Bearer realm="https://auth.example/token",service="registry.example""#;

/// Wharf with a token server's certificate.
fn trusting(issuer: &Issuer, more: &str) -> Setup {
    let setup = Server::setup();
    let bundle = setup.directory().join("bundle.pem");
    fs::write(&bundle, &issuer.certificate_pem).expect("the bundle can be written");
    setup.section(&format!(
        "auth:\n  token:\n    realm: https://auth.example/token\n    service: registry.example\n    \
         issuer: auth.example\n    rootcertbundle: {}\n{more}",
        bundle.display()
    ))
}

fn with(server: &Server, request: Request, token: &str) -> Response {
    server.send(request.header("Authorization", format!("Bearer {token}")))
}

/// The scopes of a challenge as `type:name:action`, one per action.
#[track_caller]
fn scopes(answer: &Response) -> BTreeSet<String> {
    assert_eq!(answer.status, 401, "{answer}");
    assert_eq!(answer.codes(), ["UNAUTHORIZED"]);
    assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
    let challenge = answer.the("www-authenticate");
    let rest = challenge.strip_prefix(START).unwrap_or_else(|| panic!("{challenge}"));
    let Some(rest) = rest.strip_prefix(",scope=\"") else { return BTreeSet::new() };
    let (scope, _) = rest.split_once('"').expect("a closing quote");
    let mut found = BTreeSet::new();
    for item in scope.split(' ') {
        let (resource, actions) = item.rsplit_once(':').expect("actions");
        found.extend(actions.split(',').map(|action| format!("{resource}:{action}")));
    }
    found
}

fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn each_route_asks_for_its_scope() {
    let server = trusting(&Issuer::new(), "").start();
    let digest = sha256(b"x");
    let (pull, push, delete) = ("repository:team/app:pull", "repository:team/app:push", "repository:team/app:delete");
    let upload = "/v2/team/app/blobs/uploads/some-id?_state=x";
    for (method, path, wanted) in [
        ("GET", "/v2/".to_owned(), &[][..]),
        ("GET", "/v2/_catalog".to_owned(), &["registry:catalog:*"]),
        ("GET", "/v2/team/app/tags/list".to_owned(), &[pull]),
        ("HEAD", "/v2/team/app/manifests/latest".to_owned(), &[pull]),
        ("GET", "/v2/team/app/manifests/latest".to_owned(), &[pull]),
        ("PUT", "/v2/team/app/manifests/latest".to_owned(), &[pull, push]),
        ("DELETE", "/v2/team/app/manifests/latest".to_owned(), &[delete]),
        ("GET", format!("/v2/team/app/blobs/{digest}"), &[pull]),
        ("DELETE", format!("/v2/team/app/blobs/{digest}"), &[delete]),
        ("POST", "/v2/team/app/blobs/uploads/".to_owned(), &[pull, push]),
        ("PATCH", upload.to_owned(), &[pull, push]),
        ("PUT", upload.to_owned(), &[pull, push]),
        ("GET", upload.to_owned(), &[pull]),
        ("GET", format!("/v2/team/app/referrers/{digest}"), &[pull]),
        (
            "POST",
            format!("/v2/team/app/blobs/uploads/?mount={digest}&from=team/base"),
            &[pull, push, "repository:team/base:pull"],
        ),
        ("GET", "/v2/Bad..Name/tags/list".to_owned(), &["repository:Bad..Name:pull"]),
    ] {
        let answer = server.send(Request::new(method, &path).body(""));
        if method == "HEAD" {
            assert_eq!(answer.status, 401);
            continue;
        }
        assert_eq!(scopes(&answer), set(wanted), "{method} {path}");
    }
    // Cancelling is part of pushing, so that whoever may push may also give up.
    let cancel = scopes(&server.delete(upload));
    assert!(cancel.contains(push) && !cancel.contains(delete), "{cancel:?}");
    let base = server.get("/v2/");
    assert_eq!(base.the("www-authenticate"), START);
    assert_eq!(base.json()["errors"][0]["detail"], Value::Null);
    let pulled = server.get("/v2/team/app/tags/list");
    assert_eq!(pulled.the("www-authenticate"), format!("{START},scope=\"{pull}\""));
    let detail = json!([{"Type": "repository", "Class": "", "Name": "team/app", "Action": "pull"}]);
    assert_eq!(pulled.json()["errors"][0]["detail"], detail);
}

#[test]
fn a_token_grants_what_it_names_and_nothing_else() {
    let issuer = Issuer::new();
    let server = trusting(&issuer, "").start();
    let blob = Blob::random(720, 100);
    let push = |repository: &str| {
        Request::post(format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest)).body(blob.bytes.clone())
    };
    let pusher = issuer.token(&claims(&[("team/app", &["pull", "push"])]));
    with(&server, Request::get("/v2/"), &pusher).expect(200);
    with(&server, push("team/app"), &pusher).expect(201);
    with(&server, Request::get(format!("/v2/team/app/blobs/{}", blob.digest)), &pusher).expect(200);
    for refused in [
        push("team/other"),
        push("team"),
        push("team/app/more"),
        Request::delete(format!("/v2/team/app/blobs/{}", blob.digest)),
        Request::get("/v2/_catalog"),
        Request::post(format!("/v2/team/app/blobs/uploads/?mount={}&from=team/other", blob.digest)),
    ] {
        let answer = with(&server, refused, &pusher);
        assert_eq!(answer.status, 401, "{answer}");
        assert!(answer.the("www-authenticate").ends_with(r#",error="insufficient_scope""#), "{answer}");
    }
    let puller = issuer.token(&claims(&[("team/app", &["pull"])]));
    with(&server, push("team/app"), &puller).expect(401);
    let all = issuer.token(&claims(&[("team/app", &["*"])]));
    with(&server, Request::delete(format!("/v2/team/app/blobs/{}", blob.digest)), &all).expect(202);
    let mut catalog = claims(&[]);
    catalog["access"] = json!([{"type": "registry", "name": "catalog", "actions": ["*"]}]);
    with(&server, Request::get("/v2/_catalog"), &issuer.token(&catalog)).expect(200);
    // Two entries for one repository are one.
    let split = issuer.token(&claims(&[("team/app", &["pull"]), ("team/app", &["push"])]));
    with(&server, push("team/app"), &split).expect(201);
    let lower = Request::get("/v2/").header("Authorization", format!("bearer {pusher}"));
    server.send(lower).expect(200);
}

#[test]
fn a_key_is_named_in_each_of_the_known_ways() {
    let issuer = Issuer::new();
    let server = trusting(&issuer, "").start();
    let mut own = issuer.jwk();
    own["kid"] = json!(issuer.thumbprint());
    for header in [
        json!({"alg": "ES256", "kid": issuer.thumbprint()}),
        json!({"alg": "ES256", "typ": "JWT", "kid": issuer.libtrust_id()}),
        json!({"alg": "ES256", "x5c": issuer.x5c()}),
        json!({"alg": "ES256", "jwk": own}),
    ] {
        let token = issuer.sign(&header, &claims(&[]));
        let answer = with(&server, Request::get("/v2/"), &token);
        assert_eq!(answer.status, 200, "{header}: {answer}");
    }
}

#[test]
fn a_key_set_names_its_keys() {
    let (issuer, bundled) = (Issuer::new(), Issuer::new());
    let setup = Server::setup();
    let path = setup.directory().join("jwks.json");
    let mut jwk = issuer.jwk();
    jwk["kid"] = json!("my-key");
    fs::write(&path, json!({"keys": [jwk]}).to_string()).unwrap();
    let server = setup
        .section(&format!(
            "auth:\n  token:\n    realm: https://auth.example/token\n    service: registry.example\n    \
             issuer: auth.example\n    jwks: {}",
            path.display()
        ))
        .start();
    let token = issuer.sign(&json!({"alg": "ES256", "kid": "my-key"}), &claims(&[]));
    with(&server, Request::get("/v2/"), &token).expect(200);
    for (signer, header) in [
        (&issuer, json!({"alg": "ES256", "kid": "other"})),
        (&issuer, json!({"alg": "ES256"})),
        (&bundled, json!({"alg": "ES256", "kid": "my-key"})),
        (&bundled, json!({"alg": "ES256", "x5c": bundled.x5c()})),
    ] {
        with(&server, Request::get("/v2/"), &signer.sign(&header, &claims(&[]))).expect(401);
    }
}

/// Claims with one of them changed, or taken out.
fn changed(name: &str, value: Option<Value>) -> Value {
    let mut claims = claims(&[("team/app", &["pull"])]);
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().map(|object| object.remove(name))),
    }
    claims
}

#[test]
fn claims_are_checked_with_a_minute_of_leeway() {
    let issuer = Issuer::new();
    let server = trusting(&issuer, "").start();
    let status = |claims: &Value| with(&server, Request::get("/v2/"), &issuer.token(claims)).status;
    for (name, good) in [
        ("exp", Some(json!(now() - 30))),
        ("nbf", Some(json!(now() + 30))),
        ("nbf", None),
        ("sub", None),
        ("sub", Some(json!(""))),
        ("iat", None),
        ("jti", None),
        ("access", None),
        ("aud", Some(json!(["other", "registry.example"]))),
    ] {
        assert_eq!(status(&changed(name, good.clone())), 200, "{name} {good:?}");
    }
    for (name, bad) in [
        ("exp", Some(json!(now() - 120))),
        ("exp", None),
        ("exp", Some(json!(0))),
        ("exp", Some(json!("tomorrow"))),
        ("nbf", Some(json!(now() + 120))),
        ("iss", Some(json!("somebody else"))),
        ("iss", None),
        ("aud", Some(json!("other"))),
        ("aud", Some(json!([]))),
        ("aud", None),
    ] {
        let answer = with(&server, Request::get("/v2/"), &issuer.token(&changed(name, bad.clone())));
        assert_eq!(answer.status, 401, "{name} {bad:?}");
        assert!(answer.the("www-authenticate").ends_with(r#",error="invalid_token""#), "{name} {bad:?}: {answer}");
    }
}

#[test]
fn forged_tokens_are_refused() {
    let (issuer, stranger) = (Issuer::new(), Issuer::new());
    let server = trusting(&issuer, "").start();
    let claims = claims(&[("team/app", &["pull", "push", "delete", "*"])]);
    let good = issuer.token(&claims);
    with(&server, Request::get("/v2/"), &good).expect(200);
    let kid = issuer.thumbprint();
    let mut forged = vec![
        // No signature at all, in the spellings that have been tried elsewhere.
        format!("{}.", message(&json!({"alg": "none", "kid": kid}), &claims)),
        format!("{}.", message(&json!({"alg": "None", "kid": kid}), &claims)),
        format!("{}.", message(&json!({"alg": "nOnE"}), &claims)),
        format!("{}.", message(&json!({"alg": "ES256", "kid": kid}), &claims)),
        format!("{}.", message(&json!({"alg": "", "kid": kid}), &claims)),
        format!("{}.", message(&json!({"kid": kid}), &claims)),
        message(&json!({"alg": "ES256", "kid": kid}), &claims),
        // Somebody else's key.
        stranger.token(&claims),
        stranger.sign(&json!({"alg": "ES256", "kid": kid}), &claims),
        stranger.sign(&json!({"alg": "ES256", "x5c": stranger.x5c()}), &claims),
        stranger.sign(&json!({"alg": "ES256", "x5c": issuer.x5c()}), &claims),
        stranger.sign(&json!({"alg": "ES256", "jwk": stranger.jwk()}), &claims),
        stranger.sign(&json!({"alg": "ES256", "jwk": stranger.jwk(), "kid": kid}), &claims),
        // The right key under the wrong algorithm.
        issuer.sign(&json!({"alg": "RS256", "kid": kid}), &claims),
        issuer.sign(&json!({"alg": "ES384", "kid": kid}), &claims),
        issuer.sign(&json!({"alg": "HS256", "kid": kid}), &claims),
        // Nothing names a key.
        issuer.sign(&json!({"alg": "ES256"}), &claims),
        issuer.sign(&json!({"alg": "ES256", "kid": ""}), &claims),
        issuer.sign(&json!({"alg": "ES256", "x5c": []}), &claims),
        issuer.sign(&json!({"alg": "ES256", "x5c": ["AAAA"]}), &claims),
        issuer.sign(&json!({"alg": "ES256", "x5u": "https://evil.example/cert"}), &claims),
        issuer.sign(&json!({"alg": "ES256", "jku": "https://evil.example/keys"}), &claims),
        // A critical extension that nobody understands.
        issuer.sign(&json!({"alg": "ES256", "kid": kid, "crit": ["x"], "x": 1}), &claims),
        // No tokens.
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "....".to_owned(),
        "a.b.c".to_owned(),
        "%00".to_owned(),
        "e30.e30.e30".to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!("x{good}"),
        "A".repeat(20_000),
    ];
    // The public key as if it were a shared secret.
    forged.extend(
        issuer
            .public_forms()
            .iter()
            .map(|secret| Issuer::sign_hmac(&json!({"alg": "HS256", "kid": kid}), &claims, secret)),
    );
    forged.push(Issuer::sign_hmac(&json!({"alg": "HS256", "kid": kid}), &claims, b""));
    // The claims changed behind the signature, and the signature itself.
    let parts = good.split('.').collect::<Vec<_>>();
    let other = message(&json!({}), &changed("sub", Some(json!("root"))));
    forged.push(format!("{}.{}.{}", parts[0], other.split_once('.').unwrap().1, parts[2]));
    forged.push(format!("{}.{}.{}", parts[0], parts[1], parts[2].chars().rev().collect::<String>()));
    forged.push(format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20]));
    for token in forged {
        let answer = with(&server, Request::get("/v2/"), &token);
        assert_eq!(answer.status, 401, "{token}: {answer}");
        assert!(answer.the("www-authenticate").starts_with(START), "{answer}");
        with(&server, Request::delete("/v2/team/app/manifests/latest"), &token).expect(401);
    }
    for authorization in [format!("Basic {good}"), good.clone(), format!("Bearer  {good} x"), "Bearer".to_owned()] {
        server.send(Request::get("/v2/").header("Authorization", authorization)).expect(401);
    }
}

#[test]
fn only_the_listed_algorithms_are_accepted() {
    let issuer = Issuer::new();
    let server = trusting(&issuer, "    signingalgorithms: [RS256, EdDSA]").start();
    with(&server, Request::get("/v2/"), &issuer.token(&claims(&[]))).expect(401);
    let server = trusting(&issuer, "    signingalgorithms: [ES256]").start();
    with(&server, Request::get("/v2/"), &issuer.token(&claims(&[]))).expect(200);
    let (status, log) = trusting(&issuer, "    signingalgorithms: [ROT13]").run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("ROT13") && log.contains("signingalgorithms"), "{log}");
}

#[test]
fn autoredirect_sends_clients_to_the_host_they_came_by() {
    let server = trusting(&Issuer::new(), "    autoredirect: true").start();
    let request = Request::get("/v2/").header("Host", "registry.example:5000");
    let answer = server.send(request.header("X-Forwarded-Proto", "http")).expect(401);
    let challenge = answer.the("www-authenticate");
    assert!(challenge.starts_with(r#"Bearer realm="http://registry.example:5000/auth/token",service="#), "{challenge}");
    let answer = server.send(Request::get("/v2/").header("Host", "registry.example"));
    assert!(
        answer.the("www-authenticate").starts_with(r#"Bearer realm="https://registry.example/auth/token""#),
        "{answer}"
    );
}
