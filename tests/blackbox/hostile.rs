//! Requests that no honest client sends. None may be answered 5xx, none may hang, and the server must live on.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::hostile_table::{Case, cases};
use crate::support::image::{OCI_EMPTY, OCI_MANIFEST, empty};
use crate::support::jwt::Issuer;
use crate::support::{Blob, Image, Manifest, Request, Server};

/// Short patience for whoever sends half a request.
const LIMITS: &str = "limits:\n  request_header_timeout: 2s\n  body_idle_timeout: 1s\n  idle_timeout: 5s";

/// What may not be in an answer, whatever was sent.
#[track_caller]
fn check(server: &Server, case: &Case) {
    let Some(answer) = server.raw(&case.bytes) else { return };
    let shown = String::from_utf8_lossy(&case.bytes[..case.bytes.len().min(300)]).into_owned();
    assert!(answer.status < 500, "{}\n{shown}\n→ {answer}", case.what);
    assert!(!(300..304).contains(&answer.status), "a redirect for {}\n{shown}\n→ {answer}", case.what);
    let leaks = ["panicked", "/work", "No such file", "os error", "src/"];
    let text = answer.text();
    assert!(
        !leaks.iter().any(|leak| text.contains(leak)),
        "{}: the answer tells of the server's inside: {answer}",
        case.what
    );
}

/// Sends every case, by a few clients at once.
fn send_all(server: &Server, cases: &[Case]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(server, case);
                }
            });
        }
    });
    server.get("/v2/").expect(200);
}

#[test]
fn hundreds_of_hostile_requests_over_every_route() {
    let server = Server::setup().http(LIMITS).start();
    let image = Image::oci(800);
    server.push_image("team/app", "latest", &image);
    let upload = server.patch(&server.start_upload("team/app"), b"some bytes").expect(202).location();
    let other = server.start_upload("team/other");
    let cases = cases(&image, &upload, &other);
    assert!(cases.len() >= 490, "only {} cases", cases.len());
    send_all(&server, &cases);
    // What was there is there, whole; and nothing came to be outside the directory.
    server.check_image("team/app", "latest", &image);
    assert_eq!(server.tags("team/app"), ["latest"]);
    assert_eq!(server.get(&other).expect(204).the("range"), "0-0", "a stolen token was good enough to write");
    let beside = std::fs::read_dir(server.directory()).unwrap().map(|entry| entry.unwrap().file_name());
    for name in beside.map(|name| name.into_string().unwrap()) {
        assert!(name == "data" || name == "log.txt" || name.starts_with("config-"), "{name} was made");
    }
    let repositories = server.data().join("docker/registry/v2/repositories");
    let made = std::fs::read_dir(&repositories).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut odd = made.filter(|name| {
        !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
    });
    assert_eq!(odd.next(), None);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    let peak = server.peak_memory_bytes();
    assert!(peak < 200 << 20, "{} MiB of memory were used", peak >> 20);
}

#[test]
fn hostile_requests_without_the_right_to_any() {
    let issuer = Issuer::new();
    let setup = Server::setup();
    let bundle = setup.directory().join("bundle.pem");
    std::fs::write(&bundle, &issuer.certificate_pem).unwrap();
    let section = format!(
        "auth:\n  token:\n    realm: https://auth.example/token\n    service: registry.example\n    \
         issuer: auth.example\n    rootcertbundle: {}",
        bundle.display()
    );
    let server = setup.http(LIMITS).section(&section).start();
    let image = Image::oci(801);
    let none = "/v2/team/app/blobs/uploads/0b5f4b0c-7a0c-4f3e-9d2b-333333333333?_state=x";
    for case in cases(&image, none, none) {
        let Some(answer) = server.raw(&case.bytes) else { continue };
        assert!(answer.status < 500, "{}: {answer}", case.what);
        assert!(answer.status >= 400 || case.harmless, "{} was let in: {answer}", case.what);
    }
    server.get("/").expect(200);
}

#[test]
fn a_slow_client_is_let_go_and_stops_nobody() {
    let server = Server::setup().http(LIMITS).start();
    let location = server.start_upload("team/app");
    let host = server.host();
    let halves = [
        Vec::new(),
        b"GET /v2/ HT".to_vec(),
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ".to_vec(),
        Request::patch(&location).header("Content-Length", "1000").body("only a few").encode(&host),
        Request::put("/v2/team/app/manifests/x")
            .content_type(OCI_MANIFEST)
            .header("Content-Length", "1000")
            .body("{")
            .encode(&host),
        b"POST /v2/team/app/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_vec(),
    ];
    let mut slow = Vec::new();
    for half in halves.iter().cycle().take(60) {
        let mut connection = server.connect();
        connection.write(half).unwrap();
        slow.push(connection);
    }
    for _ in 0..20 {
        server.get("/v2/").expect(200);
    }
    for (mut connection, half) in slow.into_iter().zip(halves.iter().cycle()) {
        match connection.read_response(false) {
            // The upload of the last one is opened before its body is looked at.
            Ok(answer) => assert!(answer.status < 500, "{}: {answer}", String::from_utf8_lossy(half)),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{}", String::from_utf8_lossy(half)),
        }
    }
}

#[test]
fn a_body_of_a_gigabyte_is_refused_where_there_is_no_place_for_it() {
    let server = Server::setup().http(LIMITS).start();
    for request in [
        Request::put("/v2/team/app/manifests/x").content_type(OCI_MANIFEST),
        Request::get("/v2/"),
        Request::get("/v2/_catalog"),
        Request::delete("/v2/team/app/manifests/x"),
        Request::new("POST", "/nothing"),
        Request::new("POST", "/"),
    ] {
        let mut connection = server.connect();
        let request = request.header("Content-Length", "1073741824");
        connection.write(&request.encode_head(&server.host())).unwrap();
        let answer = connection.read_response(false).unwrap();
        assert!(answer.status < 500, "{answer}");
        // The connection can't be used again: whatever comes next is the body.
        let _ = connection.write(b"GET /v2/ HTTP/1.1\r\nHost: smuggled\r\n\r\n");
    }
    server.get("/v2/").expect(200);
}

#[test]
fn a_manifest_of_very_many_layers_is_checked_in_time() {
    let server = Server::start();
    server.push_blob("team/app", &empty());
    let layers = (0..25_000_u32)
        .map(|at| serde_json::json!({"mediaType": "a/b", "size": 1, "digest": format!("sha256:{at:064x}")}));
    let json = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty().descriptor(OCI_EMPTY),
        "layers": layers.collect::<Vec<_>>(),
    });
    let manifest = Manifest::verbatim(OCI_MANIFEST, json.to_string());
    assert!(manifest.bytes.len() < 4 << 20);
    server.put_manifest("team/app", "many", &manifest).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    // The same layer very often is one question.
    let layer = Blob::new("x");
    server.push_blob("team/app", &layer);
    let mut json = manifest.json();
    json["layers"] = serde_json::json!(vec![layer.descriptor("a/b"); 25_000]);
    let manifest = Manifest::verbatim(OCI_MANIFEST, json.to_string());
    server.put_manifest("team/app", "often", &manifest).expect(201);
}

#[test]
fn json_that_is_nested_very_deep_is_refused() {
    let server = Server::start();
    for open in ["[", "{\"a\":"] {
        let body = format!("{{\"schemaVersion\":2,\"x\":{}", open.repeat(3_000_000 / open.len()));
        let manifest = Manifest::verbatim(OCI_MANIFEST, body);
        server.put_manifest("team/app", "deep", &manifest).expect_error(400, "MANIFEST_INVALID");
    }
    server.get("/v2/").expect(200);
}
