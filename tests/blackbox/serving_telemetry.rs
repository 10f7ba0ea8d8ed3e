//! What a running server tells: logs, metrics, health.

use std::fs;
use std::net::SocketAddr;

use crate::support::patience::{wait_for, wait_until};
use crate::support::{Blob, Connection, Request, Response, Server};

/// The line of the log that holds all of these.
#[track_caller]
fn line_with(server: &Server, parts: &[&str]) -> String {
    let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
    let found = || server.log().lines().find(has_all).map(str::to_owned);
    wait_for(found, || format!("no line has {parts:?}:\n{}", server.log()))
}

#[test]
fn a_request_has_an_access_line_and_a_record_with_its_id() {
    let server = Server::start();
    let request =
        Request::get("/v2/team/app/manifests/absent").header("User-Agent", "te\"st").header("X-Request-Id", "mine");
    let answer = server.send(request).expect(404);
    let id = answer.the("x-request-id").to_owned();
    assert_eq!(id.len(), 36, "the client's own id is not taken: {id}");

    let access = line_with(&server, &["\"GET /v2/team/app/manifests/absent HTTP/1.1\" 404 "]);
    assert!(access.starts_with("127.0.0.1 - - ["), "{access}");
    assert!(access.ends_with(&format!(" 404 {} \"\" \"te\\\"st\"", answer.body.len())), "{access}");

    let record = line_with(&server, &[&format!("http.request.id={id}"), "response completed with error"]);
    for part in
        ["time=\"", "level=info", "err.code=\"manifest unknown\"", "http.response.status=404", "vars.name=team/app"]
    {
        assert!(record.contains(part), "{part} is missing: {record}");
    }
}

#[test]
fn whole_answers_are_logged_with_their_size_and_no_secret_is() {
    let server = Server::start();
    let blob = Blob::new(vec![7; 100_000]);
    let location = server.start_upload("team/app");
    server.close_upload(&location, &blob.digest, &blob.bytes).expect(201);
    server.check_blob("team/app", &blob);
    let request = Request::get("/v2/").header("Authorization", "Basic aHVudGVyMjpodW50ZXIy");
    server.send(request).expect(200);
    line_with(&server, &["GET /v2/team/app/blobs/", "\" 200 100000 "]);
    line_with(&server, &["GET /v2/ HTTP/1.1\" 200 2 "]);
    let (_, state) = location.split_once("_state=").expect("a signed upload");
    let log = server.log();
    assert!(log.contains("_state=***"), "{log}");
    for secret in [state, "aHVudGVyMjpodW50ZXIy", "hunter2", "not-a-secret"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn json_and_logstash_are_one_object_per_line() {
    for (formatter, message, time) in [("json", "msg", "time"), ("logstash", "message", "@timestamp")] {
        let server = Server::setup()
            .env("REGISTRY_LOG_FORMATTER", formatter)
            .env("REGISTRY_LOG_ACCESSLOG_DISABLED", "true")
            .env("REGISTRY_LOG_FIELDS_SERVICE", "registry")
            .start();
        server.get("/v2/").expect(200);
        server.wait_for_log("response completed");
        for line in server.log().lines() {
            let json: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(json[message].is_string() && json[time].is_string(), "{line}");
            assert_eq!(json["service"], "registry", "{line}");
        }
    }
}

#[test]
fn a_start_says_what_operators_look_for() {
    let server = Server::start();
    let listening = format!("listening on {}", server.address());
    for text in [&*listening, "redis not configured", "using inmemory blob descriptor cache", "storing in "] {
        server.wait_for_log(text);
    }
}

/// A server with a debug listener on a free port, and where that is.
fn with_debug(sections: &str) -> (Server, SocketAddr) {
    let debug = "debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}";
    let server = Server::setup().http(debug).section(sections).start();
    let line = line_with(&server, &["debug server listening on "]);
    let (_, rest) = line.split_once("debug server listening on ").unwrap();
    let address = rest.trim_end_matches('"').parse().unwrap_or_else(|_| panic!("no address: {line}"));
    (server, address)
}

fn ask(address: SocketAddr, target: &str) -> Response {
    Connection::open(address).send(&Request::get(target))
}

#[test]
fn metrics_count_requests_and_storage_under_the_known_names() {
    let (server, debug) = with_debug("");
    server.push_blob("team/app", &Blob::new(vec![1; 1000]));
    server.get("/v2/team/app/manifests/absent").expect(404);
    let expected = [
        "registry_http_requests_total{code=\"404\",handler=\"manifest\",method=\"get\"} 1",
        "registry_http_requests_total{code=\"202\",handler=\"blob_upload\",method=\"post\"} 1",
        "registry_http_request_duration_seconds_count{handler=\"manifest\",method=\"get\"} 1",
        "registry_http_in_flight_requests{handler=\"manifest\"} 0",
        "registry_storage_action_seconds_count{action=",
        "wharf_log_lines_dropped_total{log=\"access\"} 0",
    ];
    let missing = || {
        let metrics = ask(debug, "/metrics").expect(200);
        assert!(metrics.the("content-type").starts_with("application/openmetrics-text"));
        let text = metrics.text();
        expected.iter().find(|line| !text.contains(**line)).map(|line| format!("{line} is missing in\n{text}"))
    };
    // A request is counted when its answer is out, which the client may see first.
    wait_until(|| missing().is_none(), || missing().unwrap_or_default());
    assert_eq!(server.get("/metrics").status, 404, "metrics are on the debug listener only");
}

#[test]
fn while_a_check_fails_every_request_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("maintenance");
    let health = format!("health:\n  file:\n  - {{file: '{}', interval: 20ms}}\n", file.display());
    let (server, debug) = with_debug(&health);
    assert_eq!(ask(debug, "/debug/health").expect(200).text().trim(), "{}");
    server.get("/").expect(200);

    fs::write(&file, "").unwrap();
    let until = |status: u16| {
        let changed = || ask(debug, "/debug/health").status == status;
        wait_until(changed, || format!("health does not become {status}"));
    };
    until(503);
    assert_eq!(ask(debug, "/debug/health").json()[file.display().to_string()], "file exists");
    for path in ["/", "/v2/", "/v2/_catalog"] {
        let answer = server.get(path).expect_error(503, "UNAVAILABLE");
        assert!(answer.header("retry-after").is_some(), "{answer}");
    }
    ask(debug, "/metrics").expect(200);

    fs::remove_file(&file).unwrap();
    until(200);
    server.get("/v2/").expect(200);
}
