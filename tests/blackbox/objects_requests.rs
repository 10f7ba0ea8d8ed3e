//! What an operation costs in requests to the store. They are its price, in time and on the bill.

use std::collections::BTreeMap;

use super::objects_s3::NO_REDIRECT;
use crate::support::stores::Store;
use crate::support::{Blob, Image, Request, Server};

/// The requests that came while `act` ran, of every kind and in sum.
#[track_caller]
fn cost(store: &Store, act: impl FnOnce()) -> (u64, BTreeMap<String, u64>) {
    let before = store.requests();
    act();
    let mut after = store.requests();
    for (kind, count) in &mut after {
        *count -= before.get(kind).copied().unwrap_or_default();
    }
    after.retain(|_, count| *count > 0);
    (after.values().sum(), after)
}

#[test]
fn operations_cost_no_more_requests_than_the_documentation_says() {
    let store = Store::oss();
    let server = Server::setup().config_text(&store.oss_config(NO_REDIRECT)).start();
    let image = Image::oci(1400);
    server.push_image("library/app", "v1", &image);
    let by_digest = format!("/v2/library/app/manifests/{}", image.manifest.digest);
    server.get(&by_digest).expect(200);
    let layer = format!("/v2/library/app/blobs/{}", image.layers[0].digest);
    let small = Blob::random(1402, 5000);
    let one_request = || {
        let target = format!("/v2/library/app/blobs/uploads/?digest={}", small.digest);
        server
            .send(Request::new("POST", target).content_type("application/octet-stream").body(small.bytes.clone()))
            .expect(201);
    };
    let again = Blob::random(1403, 5000);
    for (name, at_most, (sum, kinds)) in [
        ("a manifest by digest, again", 1, cost(&store, || drop(server.get(&by_digest).expect(200)))),
        ("a manifest by tag", 2, cost(&store, || drop(server.get("/v2/library/app/manifests/v1").expect(200)))),
        ("a blob", 2, cost(&store, || drop(server.get(&layer).expect(200)))),
        ("whether a blob is there", 2, cost(&store, || drop(server.head(&layer).expect(200)))),
        ("the list of tags", 1, cost(&store, || drop(server.get("/v2/library/app/tags/list").expect(200)))),
        ("a small blob in one request", 9, cost(&store, one_request)),
        ("a small blob as clients push it", 9, cost(&store, || server.push_blob("library/app", &again))),
    ] {
        assert!(sum <= at_most, "{name} took {sum} requests: {kinds:?}");
    }
}

#[test]
fn clients_are_sent_to_the_store_for_blobs() {
    let store = Store::oss();
    let server = Server::setup().config_text(&store.oss_config("")).start();
    let blob = Blob::random(1410, 3000);
    server.push_blob("library/app", &blob);
    let target = format!("/v2/library/app/blobs/{}", blob.digest);
    let answer = server.get(&target).expect(307);
    assert_eq!(answer.the("docker-content-digest"), blob.digest);
    assert_eq!(answer.the("cache-control"), "no-store");
    let location = answer.the("location");
    let store_url = format!("http://{}", store.address());
    let path = location.strip_prefix(&store_url).unwrap_or_else(|| panic!("{location} is not at {store_url}"));
    assert!(path.contains("x-oss-expires=1200"), "{path}");
    let get = |path: &str| crate::support::Connection::open(store.address()).send(&Request::get(path));
    let direct = get(path).expect(200);
    assert!(direct.body == blob.bytes);
    assert_eq!(direct.the("content-type"), "application/octet-stream");
    get(&path.replace("x-oss-expires=1200", "x-oss-expires=9999")).expect(403);
    assert_eq!(server.head(&target).expect(200).the("content-length"), "3000");
    // Nobody is sent there who may not read it here.
    server.get(&format!("/v2/library/other/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");

    let large_only = store.oss_config("  redirect:\n    bytes_min: 1MiB\n");
    let server = Server::setup().config_text(&large_only).start();
    server.check_blob("library/app", &blob);
}
