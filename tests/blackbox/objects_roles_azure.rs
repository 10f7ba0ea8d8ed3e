//! How the `azure` driver logs in without the account's key. Azurite takes tokens over TLS only, and looks at their times.

use std::time::Duration;

use data_encoding::BASE64;
use serde_json::json;

use super::objects_credentials::{serves, with};
use crate::support::jwt;
use crate::support::patience::wait_until;
use crate::support::server::Setup;
use crate::support::stores::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};
use crate::support::tls::Certificate;
use crate::support::tokens::{Answer, Asked, Given, TokenService};
use crate::support::{Blob, Server};

const HOUR: Duration = Duration::from_secs(3600);

/// A token as Entra and the machines of Azure give it.
fn entra(asked: &Asked, life: Duration) -> Answer {
    let now = jwt::now();
    let claims = json!({
        "aud": "https://storage.azure.com", "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
        "iat": now, "nbf": now - 10, "exp": now + life.as_secs(), "oid": asked.number.to_string(),
    });
    let token = format!("{}.c2lnbmF0dXJl", jwt::message(&json!({"alg": "RS256", "typ": "JWT"}), &claims));
    let mut given = Given::new(asked.number, life);
    given.token.clone_from(&token);
    let answer =
        json!({"access_token": token, "expires_in": life.as_secs(), "expires_on": given.ends_unix().to_string()});
    // Entra writes seconds as a number; the machine's service as text, beside the time of the end.
    Ok((answer.to_string(), Some(given)))
}

/// A server on this store with these lines under `storage.azure`.
fn setup(store: &Store, lines: &str) -> Setup {
    let address = store.address();
    let config = format!(
        "version: 0.1\nlog:\n  level: debug\nstorage:\n  azure:\n    container: {BUCKET}\n    skipverify: true\n    \
         serviceurl: https://{address}/{ACCESS_KEY}\n{lines}  redirect:\n    disable: true\n  delete:\n    enabled: true\nhttp:\n  \
         addr: ADDRESS\n  secret: not-a-secret\n"
    );
    let config = if lines.contains("connectionstring") { without_url(&config) } else { config };
    Server::setup().config_text(&config).env("HOME", "/nonexistent")
}

fn without_url(config: &str) -> String {
    config.lines().filter(|line| !line.contains("serviceurl")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn azure_tokens_come_for_an_applications_secret() {
    let store = Store::azure_tls(&Certificate::new());
    let service = TokenService::start(|asked| entra(asked, HOUR));
    let lines = format!(
        "    accountname: {ACCESS_KEY}\n    credentials:\n      type: client_secret\n      clientid: application\n      \
         tenantid: tenant\n      secret: very-secret\n"
    );
    let server = serves(setup(&store, &lines).env("AZURE_AUTHORITY_HOST", &service.url("")));
    let asked = service.asked();
    assert_eq!((asked.len(), &*asked[0].line), (1, "POST /tenant/oauth2/v2.0/token"));
    assert!(asked[0].body.contains("client_secret=very-secret"));
    assert!(!server.log().contains("very-secret") && !server.log().contains("c2lnbmF0dXJl"));
    server.delete(&format!("/v2/library/app/manifests/{}", "v1")).expect(202);
}

#[test]
fn azure_tokens_come_for_a_workload_identity() {
    let store = Store::azure_tls(&Certificate::new());
    let service = TokenService::start(|asked| entra(asked, HOUR));
    let setup = setup(&store, &format!("    accountname: {ACCESS_KEY}\n"));
    let file = setup.directory().join("token");
    std::fs::write(&file, "who-i-am\n").unwrap();
    let variables = [
        ("AZURE_AUTHORITY_HOST", service.url("")),
        ("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string()),
        ("AZURE_CLIENT_ID", "application".to_owned()),
        ("AZURE_TENANT_ID", "tenant".to_owned()),
    ];
    let server = serves(with(setup, &variables.each_ref().map(|(name, value)| (*name, value.as_str()))));
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].body.contains("client_assertion=who-i-am"), "{}", asked[0].body);
    assert!(!server.log().contains("who-i-am"));
}

#[test]
fn azure_tokens_of_the_machine_are_renewed_before_they_end() {
    let store = Store::azure_tls(&Certificate::new());
    let service = TokenService::start(|asked| match asked.header("metadata") {
        "true" => entra(asked, Duration::from_secs(5)),
        _ => Err(400),
    });
    let setup = setup(&store, &format!("    accountname: {ACCESS_KEY}\n"));
    let server = setup.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", &service.url("")).start();
    let mut number = 0;
    let renewed = || {
        let blob = Blob::random(7300 + number, 2000);
        server.push_blob("library/app", &blob);
        server.check_blob("library/app", &blob);
        number += 1;
        service.given() >= 2
    };
    wait_until(renewed, || "the token is not renewed".to_owned());
    assert!(number > 2, "a token was fetched for each request");
    assert!(service.asked()[0].line.starts_with("GET /metadata/identity/oauth2/token?"), "{:?}", service.asked());
}

#[test]
fn azure_takes_the_signature_of_a_connection_string() {
    let store = Store::azure_tls(&Certificate::new());
    let end = "2999-01-01T00:00:00Z";
    let text = format!("{ACCESS_KEY}\nrwdlac\nb\nsco\n\n{end}\n\nhttps,http\n2019-12-12\n");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET_KEY.as_bytes());
    let signature = BASE64.encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("sv", "2019-12-12"), ("ss", "b"), ("srt", "sco"), ("sp", "rwdlac"), ("se", end)])
        .extend_pairs([("spr", "https,http"), ("sig", &signature)])
        .finish();
    let lines = format!(
        "    connectionstring: BlobEndpoint=https://{}/{ACCESS_KEY};AccountName={ACCESS_KEY};SharedAccessSignature={query}\n",
        store.address()
    );
    let server = serves(setup(&store, &lines));
    assert!(!server.log().contains(&signature) && !server.log().contains(query.rsplit('=').next().unwrap()));
}
