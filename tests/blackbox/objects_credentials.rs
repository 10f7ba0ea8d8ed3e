//! Credentials from the standard places, when the configuration has none.

use crate::support::receiver::{Answer, Receiver};
use crate::support::server::Setup;
use crate::support::stores::{ACCESS_KEY, Kind, NO_REDIRECT, SECRET_KEY, Store};
use crate::support::{Image, Server};

/// A server without keys in its configuration, nor any from the machine that runs the tests. It logs all that it can.
pub fn without_keys(store: &Store, change: &dyn Fn(String) -> String) -> Setup {
    let config = change(store.config(NO_REDIRECT).replace("level: info", "level: debug"));
    let lines =
        config.lines().filter(|line| !line.trim_start().starts_with("accesskey") && !line.contains("secretkey:"));
    let config = lines.map(|line| format!("{line}\n")).collect::<String>();
    Server::setup().config_text(&config).env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true")
}

/// Whether a server with these credentials can do its work.
#[track_caller]
pub fn serves(setup: Setup) -> Server {
    let server = setup.start();
    let image = Image::oci(1700);
    server.push_image("library/app", "v1", &image);
    server.check_image("library/app", "v1", &image);
    server
}

pub fn with(setup: Setup, variables: &[(&str, &str)]) -> Setup {
    variables.iter().fold(setup, |setup, (name, value)| setup.env(name, value))
}

/// An answer of a metadata service.
fn json(text: &str) -> Answer {
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    Some(Box::leak(answer.into_boxed_str()))
}

#[test]
fn s3_keys_come_from_variables_a_profile_or_a_container_role() {
    let store = Store::s3();
    let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
    serves(with(without_keys(&store, &|config| config), &keys));
    let profile = without_keys(&store, &|config| config);
    let file = profile.directory().join("credentials");
    let text = format!(
        "[default]\naws_access_key_id = other\naws_secret_access_key = other\n\n[registry]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    );
    std::fs::write(&file, text).expect("a file");
    let file = file.display().to_string();
    serves(with(profile, &[("AWS_SHARED_CREDENTIALS_FILE", &file), ("AWS_PROFILE", "registry")]));
    let role = Receiver::answering(|_| {
        json(&format!(
            r#"{{"AccessKeyId": "{ACCESS_KEY}", "SecretAccessKey": "{SECRET_KEY}", "Token": "", "Expiration": "2999-01-01T00:00:00Z"}}"#
        ))
    });
    serves(with(without_keys(&store, &|config| config), &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &role.url("/role"))]));
    assert!(role.next().request_line.starts_with("GET /role "), "the role was asked for");
}

#[test]
fn keys_of_the_configuration_are_not_replaced_by_those_of_the_environment() {
    let store = Store::s3();
    let setup = Server::setup().config_text(&store.config(NO_REDIRECT));
    serves(with(
        setup,
        &[("AWS_ACCESS_KEY_ID", "other"), ("AWS_SECRET_ACCESS_KEY", "other"), ("AWS_SESSION_TOKEN", "x")],
    ));
}

#[test]
fn no_keys_at_all_are_told_at_start() {
    let store = Store::s3();
    let (status, log) = without_keys(&store, &|config| config).run_to_the_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("storage.s3.accesskey is empty"), "{log}");
    for tried in ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS", "EC2"]
    {
        assert!(log.contains(tried), "{tried} is not among what was tried: {log}");
    }
}

#[test]
fn oss_keys_come_from_variables_a_uri_or_the_machines_role() {
    let store = Store::of(Kind::Oss);
    let off = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    let keys = [("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET_KEY), off];
    serves(with(without_keys(&store, &|config| config), &keys));
    let temporary = format!(
        r#"{{"Code": "Success", "AccessKeyId": "{ACCESS_KEY}", "AccessKeySecret": "{SECRET_KEY}", "SecurityToken": "token", "Expiration": "2999-01-01T00:00:00Z"}}"#
    );
    let answer = temporary.clone();
    let uri = Receiver::answering(move |_| json(&answer));
    serves(with(without_keys(&store, &|config| config), &[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri.url("/keys")), off]));
    // First a token for asking, then the keys.
    let machine = Receiver::answering(move |number| json(if number == 0 { "token" } else { &temporary }));
    let variables =
        [("ALIBABA_CLOUD_ECS_METADATA", "registry"), ("ALIBABA_CLOUD_ECS_METADATA_SERVICE_ENDPOINT", &machine.url(""))];
    serves(with(without_keys(&store, &|config| config), &variables));
    assert!(machine.next().request_line.contains("token"), "the machine's role was asked for");
}
