//! What goes wrong with a bucket while the registry runs: the sentence in the log, and what clients are told.

use std::time::Instant;

use super::objects_network::through;
use crate::support::disk::SmallDisk;
use crate::support::faults::{Fault, FaultProxy, Rule};
use crate::support::patience::wait_until;
use crate::support::stores::Store;
use crate::support::{Blob, Connection, Image, Request, Server};

const MIB: usize = 1 << 20;

#[test]
fn keys_that_expire_and_a_bucket_that_goes_are_told_in_a_sentence() {
    let store = Store::s3();
    let proxy = FaultProxy::to(store.address());
    let server = Server::setup().config_text(&through(&proxy, &store, "")).start();
    let image = Image::oci(2700);
    server.push_image("library/app", "v1", &image);
    for (answer, status, code, words) in [
        (Fault::Answer(400, "ExpiredToken"), 500, "UNKNOWN", ["have expired; renew them", "(ExpiredToken"]),
        (Fault::Answer(403, "InvalidAccessKeyId"), 500, "UNKNOWN", ["storage.s3.accesskey", "(InvalidAccessKeyId"]),
        (Fault::Answer(403, "SignatureDoesNotMatch"), 500, "UNKNOWN", ["storage.s3.secretkey", "the secret is wrong"]),
        (Fault::Answer(403, "AccessDenied"), 500, "UNKNOWN", ["these keys may not do this", "(AccessDenied"]),
        (Fault::Answer(400, "AuthorizationHeaderMalformed"), 500, "UNKNOWN", ["storage.s3.region", "another region"]),
        (Fault::Answer(404, "NoSuchBucket"), 500, "UNKNOWN", ["storage.s3.bucket", "does not exist"]),
        (
            Fault::Answer(507, "XMinioStorageFull"),
            507,
            "UNAVAILABLE",
            ["is full; give it more room", "XMinioStorageFull"],
        ),
    ] {
        let before = proxy.count("", "");
        proxy.rule(Rule::new("", "", answer.clone()));
        let logged = server.log().len();
        let said = server.get("/v2/library/app/manifests/v1").expect_error(status, code);
        assert_eq!(proxy.count("", "") - before, 1, "{answer:?} was asked for again");
        for inside in ["testkey", "images", "docker/registry", "s3"] {
            assert!(!said.text().contains(inside), "the answer tells of the server's inside: {said}");
        }
        for word in words {
            wait_until(|| server.log()[logged..].contains(word), || format!("{word:?} is not in: {}", server.log()));
        }
        proxy.clear();
        server.check_image("library/app", "v1", &image);
    }
    assert!(!server.log().contains("testsecret"), "the secret is in the log");
}

#[test]
fn a_full_store_fails_the_push_and_nothing_else() {
    let store = Store::s3();
    // Only root can mount; for everybody else the answers of the test above stand alone.
    let Some(_disk) = SmallDisk::mount(&store.files(), 24 * MIB) else { return };
    let server = Server::setup().config_text(&store.s3_config("  redirect:\n    disable: true\n")).start();
    let image = Image::oci(2750);
    server.push_image("library/app", "v1", &image);
    for seed in 2751..2753 {
        let large = Blob::random(seed, 33 * MIB);
        let location = server.start_upload("library/app");
        let answer = server.patch(&location, &large.bytes).expect_error(507, "UNAVAILABLE");
        server.wait_for_log("is full; give it more room");
        assert!(!answer.text().contains("space left"), "the answer tells of the server's inside: {answer}");
        server.get(&format!("/v2/library/app/blobs/{}", large.digest)).expect(404);
        server.check_image("library/app", "v1", &image);
        server.delete(&location).expect(204);
    }
    let small = Blob::random(2760, 100_000);
    wait_until(
        || {
            let location = server.start_upload("library/app");
            server.close_upload(&location, &small.digest, &small.bytes).status == 201
        },
        || format!("nothing can be pushed although there is room again:\n{}", server.log()),
    );
    server.check_blob("library/app", &small);
}

/// A server that leaves its store alone soon, and where it tells about itself.
fn watched(proxy: &FaultProxy, store: &Store, more: &str) -> (Server, impl Fn(&str) -> String + use<>) {
    let limits = "  requests:\n    breaker_failures: 6\n    breaker_pause: 2s\n    pause: 5ms\n    attempts_max: 2\n";
    let debug = "  debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}\n";
    let server = Server::setup().config_text(&format!("{}{debug}{more}", through(proxy, store, limits))).start();
    server.wait_for_log("debug server listening on ");
    let log = server.log();
    let (_, rest) = log.split_once("debug server listening on ").expect("an address");
    let address = rest.split(['"', '\n']).next().and_then(|text| text.parse().ok()).expect("an address");
    (server, move |target: &str| Connection::open(address).send(&Request::get(target)).text())
}

#[test]
fn a_store_that_is_down_is_left_alone_and_the_metrics_tell() {
    let store = Store::s3();
    let proxy = FaultProxy::to(store.address());
    let (server, ask) = watched(&proxy, &store, "");
    let state = |state: u8| format!("registry_storage_breaker_state{{driver=\"s3\"}} {state}");
    assert!(ask("/metrics").contains(&state(0)));
    proxy.rule(Rule::new("", "", Fault::Answer(503, "SlowDown")));
    let target = "/v2/library/app/manifests/v1";
    wait_until(
        || {
            server.get(target).expect_error(503, "UNAVAILABLE");
            server.log().contains("the store fails; clients are answered 503 until it comes back")
        },
        || server.log(),
    );
    let (before, started) = (proxy.count("", ""), Instant::now());
    for _ in 0..30 {
        let answer = server.get(target).expect_error(503, "UNAVAILABLE");
        assert!(["1", "2"].contains(&answer.the("retry-after")), "{answer}");
    }
    // One to try after each pause.
    let trials = started.elapsed().as_secs() as usize / 2 + 1;
    assert!(proxy.count("", "") - before <= trials, "the store is not left alone:\n{}", proxy.seen());
    let metrics = ask("/metrics");
    for line in [
        "registry_storage_retries_total{driver=\"s3\",request=\"",
        "registry_storage_breaker_refused_total{driver=\"s3\"} ",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert!(metrics.contains(&state(2)), "{metrics}");
    assert!(metrics.contains("registry_storage_request_duration_seconds_bucket{"), "{metrics}");
    proxy.clear();
    wait_until(|| server.get(target).status == 404, || server.log());
    assert!(ask("/metrics").contains(&state(0)));
    server.wait_for_log("the store answers again");
}

#[test]
fn the_health_check_tells_what_is_wrong_with_the_store() {
    let store = Store::s3();
    let proxy = FaultProxy::to(store.address());
    let check = "health:\n  storagedriver: {enabled: true, interval: 100ms, threshold: 1}\n";
    let (server, ask) = watched(&proxy, &store, check);
    assert_eq!(ask("/debug/health").trim(), "{}");
    proxy.rule(Rule::new("", "", Fault::Answer(503, "SlowDown")));
    wait_until(|| ask("/debug/health").contains("storagedriver_s3"), || server.log());
    let said = ask("/debug/health");
    assert!(said.contains("the S3 bucket http://") && said.contains("overloaded"), "{said}");
    server.get("/v2/").expect_error(503, "UNAVAILABLE");
    proxy.clear();
    wait_until(|| ask("/debug/health").trim() == "{}", || server.log());
    server.get("/v2/").expect(200);
}
