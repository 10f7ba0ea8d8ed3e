//! Goal: whoever holds a token of the configured issuer may do what the rules say, and nobody else anything. Method: the component
//! `auth-oidc`, and a real issuer that is started anew with other keys.

use crate::support::issuer::{AUDIENCE, Issuer};
use crate::support::{Blob, Request, Response, Server, tools};

fn server(issuer: &Issuer) -> Server {
    let section = format!(
        r#"auth:
  plugin:
    name: oidc
    component: {}
    config:
      issuer: {1}
      audience: {AUDIENCE}
      username: '{{repository}} {{ref}}'
      refresh-seconds: 0
      decision-seconds: 0
      rules:
        - claims: {{ref: 'refs/heads/*'}}
          repositories: ['{{repository:lower}}', '{{repository:lower}}/**']
          access: [pull, push]
        - claims: {{ref: 'refs/tags/*'}}
          repositories: ['acme/**']
          access: [pull]
    grants:
      hosts: ['{1}']
      keyvalue: [default]
"#,
        tools::guest("auth-oidc").display(),
        issuer.name(),
    );
    Server::setup().section(&section).start()
}

fn with(server: &Server, request: Request, token: &str) -> Response {
    server.send(request.header("Authorization", format!("Bearer {token}")))
}

fn upload(repository: &str) -> Request {
    Request::post(format!("/v2/{repository}/blobs/uploads/"))
}

#[test]
fn tokens_of_a_real_issuer_open_what_the_rules_say() {
    let issuer = Issuer::start();
    let server = server(&issuer);
    let answer = server.get("/v2/").expect(401);
    assert_eq!(answer.the("www-authenticate"), "Basic realm=\"wharf\"");
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = issuer.token(algorithm, AUDIENCE, "refs/heads/main");
        with(&server, Request::get("/v2/"), &token).expect(200);
        with(&server, upload("acme/app"), &token).expect(202);
        with(&server, upload("acme/app/part"), &token).expect(202);
        with(&server, upload("acme/other"), &token).expect_error(403, "DENIED");
        with(&server, Request::delete("/v2/acme/app/manifests/v1"), &token).expect_error(403, "DENIED");
        with(&server, Request::get("/v2/_catalog"), &token).expect_error(403, "DENIED");
    }
    let token = issuer.token("RS256", AUDIENCE, "refs/tags/v1");
    with(&server, Request::get("/v2/acme/other/tags/list"), &token).expect(404);
    with(&server, upload("acme/app"), &token).expect_error(403, "DENIED");
    // As clients send it that know only user names and passwords.
    let basic = data_encoding::BASE64.encode(format!("anybody:{token}").as_bytes());
    server.send(Request::get("/v2/").header("Authorization", format!("Basic {basic}"))).expect(200);
}

#[test]
fn other_tokens_open_nothing() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let server = server(&issuer);
    let good = issuer.token("RS256", AUDIENCE, "refs/heads/main");
    with(&server, Request::get("/v2/"), &good).expect(200);
    let (start, signature) = good.rsplit_once('.').unwrap();
    let (_, foreign) = other
        .token("RS256", AUDIENCE, "refs/heads/main")
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    for token in [
        issuer.token("RS256", "https://other.example", "refs/heads/main"),
        other.token("RS256", AUDIENCE, "refs/heads/main"),
        format!("{start}.{foreign}"),
        format!("{start}."),
        format!("{start}.{}", signature.chars().rev().collect::<String>()),
        "secret".to_owned(),
    ] {
        with(&server, Request::get("/v2/"), &token).expect(401);
    }
}

#[test]
fn keys_that_change_are_fetched_and_keys_that_are_known_outlive_their_issuer() {
    let issuer = Issuer::start();
    let server = server(&issuer);
    let old = issuer.token("RS256", AUDIENCE, "refs/heads/main");
    with(&server, Request::get("/v2/"), &old).expect(200);
    let address = issuer.end();
    with(&server, Request::get("/v2/"), &old).expect(200);
    let issuer = Issuer::start_at(address, "second");
    let new = issuer.token("ES256", AUDIENCE, "refs/heads/main");
    with(&server, Request::get("/v2/"), &new).expect(200);
    with(&server, Request::get("/v2/"), &old).expect(401);
    let blob = Blob::random(995, 100);
    with(&server, upload("acme/app"), &new).expect(202);
    let path = format!("/v2/acme/app/blobs/{}", blob.digest);
    with(&server, Request::get(&path), &new).expect(404);
}
