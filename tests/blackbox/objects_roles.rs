//! Credentials that somebody gives out for a while: token services, containers, machines. Each is played by a double; the
//! stores are real, and a proxy before them refuses what has ended.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::objects_credentials::{serves, with, without_keys};
use crate::support::faults::FaultProxy;
use crate::support::patience::{wait_for, wait_until};
use crate::support::server::Setup;
use crate::support::stores::{ACCESS_KEY, Kind, NO_REDIRECT, SECRET_KEY, Store, TemporaryKeys};
use crate::support::tokens::{Answer, Asked, Given, TokenService};
use crate::support::{Blob, Image, Request, Server};

const HOUR: Duration = Duration::from_secs(3600);
/// Short enough that a test sees several, long enough for a slow machine to use one.
const SHORT: Duration = Duration::from_secs(4);
const OSS_OFF: (&str, &str) = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");

/// A proxy before the store that takes only what this service has given, and a server that has nothing but what `setup` adds.
fn scene(store: &Store, service: &TokenService, header: &'static str) -> (FaultProxy, Setup) {
    let judge = service.clone();
    let is_good = move |value: &str| judge.is_good(value.trim_start_matches("Bearer "));
    let proxy = FaultProxy::demanding(store.address(), header, is_good);
    let setup =
        without_keys(store, &|config| config.replace(&store.address().to_string(), &proxy.address().to_string()));
    (proxy, setup)
}

/// Keys as Amazon's container and machine services give them: the store's own, which are said to end so soon.
fn amazon(store: SocketAddr, life: Duration) -> Answer {
    let keys = TemporaryKeys::of_minio(store);
    let given = Given { token: keys.token.clone(), ..Given::new(0, life) };
    let keys = json!({
        "Code": "Success", "AccessKeyId": keys.access, "SecretAccessKey": keys.secret, "Token": keys.token,
        "Expiration": given.ends_text(),
    });
    Ok((keys.to_string(), Some(given)))
}

fn container(store: &Store, life: Duration) -> TokenService {
    let store = store.address();
    TokenService::start(move |_| amazon(store, life))
}

#[track_caller]
fn no_secret_is_logged(server: &Server, service: &TokenService, secrets: &[&str]) {
    let log = server.log();
    let given = service.tokens();
    for secret in secrets.iter().copied().chain([SECRET_KEY]).chain(given.iter().map(String::as_str)) {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn s3_keys_come_for_a_web_identity() {
    let store = Store::of(Kind::Minio);
    let address = store.address();
    let service = TokenService::start(move |_| {
        let TemporaryKeys { access, secret, token } = TemporaryKeys::of_minio(address);
        let given = Given { token: token.clone(), ..Given::new(0, HOUR) };
        let keys = format!(
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{access}</AccessKeyId>\
             <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{}</Expiration></Credentials>\
             </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
            given.ends_text()
        );
        Ok((keys, Some(given)))
    });
    let (_proxy, setup) = scene(&store, &service, "x-amz-security-token");
    let file = setup.directory().join("token");
    std::fs::write(&file, "who-i-am\n").unwrap();
    let variables = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/registry"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file.display().to_string()),
        ("AWS_ENDPOINT_URL_STS", &service.url("")),
    ];
    let server = serves(with(setup, &variables));
    let asked = service.asked();
    assert_eq!(asked.len(), 1, "one fetch for all requests and signers: {asked:?}");
    let pairs = form_urlencoded::parse(asked[0].body.as_bytes()).into_owned().collect::<Vec<_>>();
    for (name, value) in [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", "arn:aws:iam::1:role/registry"),
        ("WebIdentityToken", "who-i-am"),
    ] {
        assert!(pairs.contains(&(name.to_owned(), value.to_owned())), "{pairs:?}");
    }
    no_secret_is_logged(&server, &service, &["who-i-am"]);
}

#[test]
fn s3_keys_come_from_a_container_that_wants_a_token() {
    let store = Store::of(Kind::Minio);
    let service = container(&store, HOUR);
    let (_proxy, setup) = scene(&store, &service, "x-amz-security-token");
    let file = setup.directory().join("token");
    std::fs::write(&file, "pod-token\n").unwrap();
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.url("/v1/credentials")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
    ];
    let server = serves(with(setup, &variables.each_ref().map(|(name, value)| (*name, value.as_str()))));
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((&*asked[0].line, asked[0].header("authorization")), ("GET /v1/credentials", "pod-token"));
    no_secret_is_logged(&server, &service, &["pod-token"]);
}

#[test]
fn s3_keys_come_from_the_machine_by_the_second_version_of_its_service() {
    let store = Store::of(Kind::Minio);
    let address = store.address();
    let service = TokenService::start(move |asked| match &*asked.line {
        "PUT /latest/api/token" => Ok(("machine-token".to_owned(), None)),
        _ if asked.header("x-aws-ec2-metadata-token") != "machine-token" => Err(401),
        "GET /latest/meta-data/iam/security-credentials/" => Ok(("registry-role".to_owned(), None)),
        "GET /latest/meta-data/iam/security-credentials/registry-role" => amazon(address, HOUR),
        _ => Err(404),
    });
    let (_proxy, setup) = scene(&store, &service, "x-amz-security-token");
    let endpoint = service.url("");
    let variables = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*endpoint)];
    let server = serves(with(setup, &variables));
    assert_eq!(service.given(), 1);
    no_secret_is_logged(&server, &service, &["machine-token"]);
}

/// Pushes and pulls until the service has given several credentials, and nobody has noticed.
#[track_caller]
fn nobody_notices_that_credentials_end(server: &Server, service: &TokenService, requests: impl Fn() -> usize) {
    let mut number = 7000;
    let renewed = || {
        let blob = Blob::random(number, 2000);
        server.push_blob("library/app", &blob);
        server.check_blob("library/app", &blob);
        number += 1;
        service.given() >= 4
    };
    wait_until(renewed, || format!("{} credentials were given", service.given()));
    let (given, requests) = (service.given(), requests());
    assert!(requests > 3 * given, "{given} credentials were fetched for {requests} requests");
}

#[test]
fn s3_keys_are_renewed_before_they_end() {
    let store = Store::of(Kind::Minio);
    let service = container(&store, SHORT);
    let (proxy, setup) = scene(&store, &service, "x-amz-security-token");
    let uri = service.url("/role");
    let server = setup.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri).start();
    nobody_notices_that_credentials_end(&server, &service, || proxy.count("", ""));
    no_secret_is_logged(&server, &service, &[]);
}

/// Revokes what the service has given, and waits until nobody notices any more.
#[track_caller]
fn keys_that_are_revoked_are_fetched_anew(server: &Server, service: &TokenService) {
    assert_eq!(service.given(), 1);
    service.revoke();
    // Keys that have only just been fetched are kept for some seconds: new ones would hardly be better.
    wait_until(|| server.get("/v2/library/app/tags/list").status == 200, || server.log());
    assert_eq!(service.given(), 2);
    let image = Image::oci(7080);
    server.push_image("library/app", "v2", &image);
    server.check_image("library/app", "v2", &image);
    assert_eq!(service.given(), 2);
}

#[test]
fn s3_keys_that_are_revoked_before_their_end_are_fetched_anew() {
    let store = Store::of(Kind::Minio);
    let service = container(&store, HOUR);
    let (_proxy, setup) = scene(&store, &service, "x-amz-security-token");
    let server = serves(setup.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/role")));
    keys_that_are_revoked_are_fetched_anew(&server, &service);
}

#[test]
fn a_token_service_that_is_down_is_told_and_comes_back() {
    let store = Store::of(Kind::Minio);
    let service = container(&store, SHORT);
    let (_proxy, setup) = scene(&store, &service, "x-amz-security-token");
    let setup = setup.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/role"));
    service.set_away(true);
    let log = setup.directory().join("log.txt");
    let back = service.clone();
    let opener = std::thread::spawn(move || {
        let log = || std::fs::read_to_string(&log).unwrap_or_default();
        wait_until(|| log().contains("waiting for the store"), log);
        back.set_away(false);
    });
    let server = setup.start();
    opener.join().unwrap();
    let log = server.log();
    let told = "storage.s3.accesskey is empty, and no credentials could be had. Tried: the variables AWS_ACCESS_KEY_ID";
    assert!(log.contains(told) && log.contains("it answered with status 503"), "{log}");
    let image = Image::oci(7100);
    server.push_image("library/app", "v1", &image);
    service.set_away(true);
    let until = |status: u16| {
        let changed = || {
            let answer = server.get("/v2/library/app/tags/list");
            assert!(matches!(answer.status, 200 | 503), "{answer}");
            (answer.status == status).then_some(answer)
        };
        wait_for(changed, || server.log())
    };
    until(503).expect_error(503, "UNAVAILABLE");
    service.set_away(false);
    until(200);
    server.check_image("library/app", "v1", &image);
}

#[test]
fn clients_are_sent_to_the_store_with_keys_that_end_sooner_than_the_url() {
    let store = Store::of(Kind::Minio);
    let service = container(&store, Duration::from_secs(60));
    let setup = without_keys(&store, &|config| config.replace(NO_REDIRECT, "  redirect:\n    bytes_min: 0\n"));
    let server = setup.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service.url("/role")).start();
    let blob = Blob::random(7200, 5000);
    server.push_blob("library/app", &blob);
    let answer = server.get(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(307);
    let location = answer.the("location").to_owned();
    assert!(location.contains("X-Amz-Security-Token="), "{location}");
    let target = location.split_once(&store.address().to_string()).unwrap().1;
    let answer = crate::support::Connection::open(store.address()).send(&Request::get(target)).expect(200);
    assert!(answer.body == blob.bytes);
}

/// Keys as Alibaba Cloud's services give them.
fn aliyun(asked: &Asked, life: Duration) -> Answer {
    let given = Given::new(asked.number, life);
    let keys = json!({
        "Code": "Success", "AccessKeyId": ACCESS_KEY, "AccessKeySecret": SECRET_KEY, "SecurityToken": given.token,
        "Expiration": given.ends_text(),
    });
    let keys = if asked.line.contains("Action=") { json!({ "Credentials": keys }) } else { keys };
    Ok((keys.to_string(), Some(given)))
}

#[test]
fn oss_keys_come_for_a_web_identity() {
    let store = Store::oss();
    let service = TokenService::start(|asked| aliyun(asked, HOUR));
    let (_proxy, setup) = scene(&store, &service, "x-oss-security-token");
    let file = setup.directory().join("token");
    std::fs::write(&file, "who-i-am\n").unwrap();
    let (file, sts) = (file.display().to_string(), service.url(""));
    let variables = [
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/registry"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack"),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &file),
        ("ALIBABA_CLOUD_STS_ENDPOINT", &sts),
        OSS_OFF,
    ];
    let server = serves(with(setup, &variables));
    let asked = service.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].line.contains("Action=AssumeRoleWithOIDC") && asked[0].line.contains("OIDCToken=who-i-am"));
    no_secret_is_logged(&server, &service, &["who-i-am"]);
    keys_that_are_revoked_are_fetched_anew(&server, &service);
}

#[test]
fn oss_keys_of_the_machines_role_are_renewed_before_they_end() {
    let store = Store::oss();
    let service = TokenService::start(|asked| match asked.line.contains("/api/token") {
        true => Ok(("machine-token".to_owned(), None)),
        false => aliyun(asked, SHORT),
    });
    let (proxy, setup) = scene(&store, &service, "x-oss-security-token");
    let endpoint = service.url("");
    let variables =
        [("ALIBABA_CLOUD_ECS_METADATA", "registry"), ("ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT", &*endpoint)];
    let server = with(setup, &variables).start();
    nobody_notices_that_credentials_end(&server, &service, || proxy.count("", ""));
}

/// A token as Google's services give it, good for so long.
fn google(asked: &Asked, life: Duration) -> Answer {
    let given = Given::new(asked.number, life);
    let token = json!({"access_token": given.token, "expires_in": life.as_secs(), "token_type": "Bearer"});
    Ok((token.to_string(), Some(given)))
}

/// A server on Google's double, behind the proxy.
fn gcs_scene(store: &Store, service: &TokenService) -> (FaultProxy, Setup) {
    let (proxy, setup) = scene(store, service, "authorization");
    let emulator = format!("http://{}", proxy.address());
    (proxy, setup.env("STORAGE_EMULATOR_HOST", &emulator))
}

#[test]
fn gcs_tokens_of_the_machine_are_renewed_before_they_end() {
    let store = Store::of(Kind::Gcs);
    let service = TokenService::start(|asked| match asked.header("metadata-flavor") {
        "Google" => google(asked, SHORT),
        _ => Err(403),
    });
    let (proxy, setup) = gcs_scene(&store, &service);
    let server = setup.env("GCE_METADATA_HOST", &service.address().to_string()).start();
    nobody_notices_that_credentials_end(&server, &service, || proxy.count("", ""));
    assert!(service.asked()[0].line.starts_with("GET /computeMetadata/v1/instance/service-accounts/default/token"));
}

/// OpenDAL asks for a token before each request when it has a service account's key.
#[test]
fn one_token_of_a_service_accounts_key_does_for_all_requests() {
    let store = Store::of(Kind::Gcs);
    let service = TokenService::start(|asked| google(asked, HOUR));
    let (proxy, setup) = gcs_scene(&store, &service);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let file = setup.directory().join("key.json");
    let members = json!({
        "type": "service_account", "client_email": "registry@project.iam.gserviceaccount.com",
        "private_key": key.serialize_pem(), "token_uri": service.url("/token"),
    });
    std::fs::write(&file, members.to_string()).unwrap();
    let server = serves(setup.env("GOOGLE_APPLICATION_CREDENTIALS", &file.display().to_string()));
    let asked = service.asked();
    assert!(asked.len() == 1 && proxy.count("", "") > 20, "{} for {}", asked.len(), proxy.count("", ""));
    assert_eq!(asked[0].line, "POST /token");
    assert!(asked[0].body.contains("jwt-bearer"), "{}", asked[0].body);
    no_secret_is_logged(&server, &service, &["PRIVATE KEY"]);
}

#[test]
fn gcs_tokens_come_for_a_federated_identity() {
    let store = Store::of(Kind::Gcs);
    let service = TokenService::start(|asked| google(asked, HOUR));
    let (_proxy, setup) = gcs_scene(&store, &service);
    let (token, file) = (setup.directory().join("token"), setup.directory().join("federation.json"));
    std::fs::write(&token, "who-i-am").unwrap();
    let members = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": service.url("/v1/token"),
        "credential_source": {"file": token.display().to_string()},
    });
    std::fs::write(&file, members.to_string()).unwrap();
    let server = serves(setup.env("GOOGLE_APPLICATION_CREDENTIALS", &file.display().to_string()));
    let asked = service.asked();
    assert_eq!((asked.len(), &*asked[0].line), (1, "POST /v1/token"));
    assert!(asked[0].body.contains("who-i-am"));
    no_secret_is_logged(&server, &service, &["who-i-am"]);
}
