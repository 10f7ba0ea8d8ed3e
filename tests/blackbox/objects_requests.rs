//! What an operation costs in requests to the store. They are its price, in time and on the bill.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::objects_s3::NO_REDIRECT;
use crate::support::patience::wait_for;
use crate::support::push::strings;
use crate::support::stores::Store;
use crate::support::{Blob, Image, Request, Server};

/// The requests so far, when no more have come for a while: what is removed after an answer counts to it.
#[track_caller]
fn settled(store: &Store) -> BTreeMap<String, u64> {
    let (mut last, mut since) = (store.requests(), Instant::now());
    let quiet = || {
        let now = store.requests();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() >= Duration::from_millis(300)).then(|| last.clone())
    };
    wait_for(quiet, || "requests go on coming".to_owned())
}

/// The requests that came because of `act`, of every kind and in sum.
#[track_caller]
fn cost(store: &Store, act: impl FnOnce()) -> (u64, BTreeMap<String, u64>) {
    let before = settled(store);
    act();
    let mut after = settled(store);
    for (kind, count) in &mut after {
        *count -= before.get(kind).copied().unwrap_or_default();
    }
    after.retain(|_, count| *count > 0);
    (after.values().sum(), after)
}

#[track_caller]
fn takes(store: &Store, name: &str, requests: u64, act: impl FnOnce()) {
    let (sum, kinds) = cost(store, act);
    assert_eq!(sum, requests, "{name}: {kinds:?}");
}

#[test]
fn pulls_cost_the_requests_that_the_documentation_says() {
    let store = Store::oss();
    let config = store.oss_config(NO_REDIRECT);
    let (server, image) = (Server::setup().config_text(&config).start(), Image::oci(1400));
    server.push_image("library/app", "v1", &image);
    let get = |target: &str| drop(server.get(target).expect(200));
    let by_digest = format!("/v2/library/app/manifests/{}", image.manifest.digest);
    let layer = format!("/v2/library/app/blobs/{}", image.layers[0].digest);
    takes(&store, "a manifest by digest that was pushed here", 0, || get(&by_digest));
    takes(&store, "a manifest by tag", 1, || get("/v2/library/app/manifests/v1"));
    takes(&store, "a blob", 1, || get(&layer));
    takes(&store, "whether a blob is there", 1, || drop(server.head(&layer).expect(200)));
    let part = Request::get(&layer).header("Range", "bytes=1-2");
    takes(&store, "a part of a blob", 1, || drop(server.send(part).expect(206)));

    let other = Server::setup().config_text(&config).start();
    let get = |target: &str| drop(other.get(target).expect(200));
    takes(&store, "a manifest by digest that nobody asked this replica for", 2, || get(&by_digest));
    takes(&store, "the same again", 0, || get(&by_digest));
    takes(&store, "by tag", 1, || get("/v2/library/app/manifests/v1"));
    takes(&store, "a blob that nobody asked this replica for", 2, || get(&layer));
    takes(&store, "the same blob again", 1, || get(&layer));
    takes(&store, "a blob that is not there", 1, || {
        drop(other.head(&format!("/v2/library/app/blobs/{}", Blob::random(1401, 9).digest)).expect(404));
    });
    // What a replica deletes is gone there at once, and its tags everywhere.
    server.delete(&by_digest).expect(202);
    server.get(&by_digest).expect(404);
    other.get("/v2/library/app/manifests/v1").expect(404);
}

#[test]
fn pushes_cost_the_requests_that_the_documentation_says() {
    let store = Store::oss();
    let server = Server::setup().config_text(&store.oss_config(NO_REDIRECT)).start();
    let image = Image::oci(1420);
    server.push_blobs("library/app", &image);
    let blob = Blob::random(1421, 5000);
    takes(&store, "a small blob in one request", 2, || {
        let target = format!("/v2/library/app/blobs/uploads/?digest={}", blob.digest);
        let post = Request::new("POST", target).content_type("application/octet-stream").body(blob.bytes.clone());
        server.send(post).expect(201);
    });
    let blob = Blob::random(1422, 5000);
    takes(&store, "a small blob by POST and PUT", 4, || server.push_blob("library/app", &blob));
    let blob = Blob::random(1423, 5000);
    takes(&store, "a small blob by POST, PATCH and PUT", 5, || {
        let location = server.patch(&server.start_upload("library/app"), &blob.bytes).expect(202).location();
        server.close_upload(&location, &blob.digest, b"").expect(201);
    });
    let large = Blob::random(1424, 1 << 20);
    takes(&store, "a blob of a MiB by POST, PATCH and PUT", 9, || {
        let location = server.patch(&server.start_upload("library/app"), &large.bytes).expect(202).location();
        server.close_upload(&location, &large.digest, b"").expect(201);
    });
    takes(&store, "a mount", 2, || {
        let target = format!("/v2/library/other/blobs/uploads/?mount={}&from=library/app", large.digest);
        server.send(Request::new("POST", target)).expect(201);
    });
    let needs = image.blobs().count() as u64;
    takes(&store, "a manifest under a tag", needs + 4, || {
        server.put_manifest("library/app", "v1", &image.manifest).expect(201);
    });
}

#[test]
fn a_page_of_tags_is_one_request_however_many_there_are() {
    let store = Store::oss();
    let server = Server::setup().config_text(&store.oss_config(NO_REDIRECT)).start();
    let image = Image::oci(1430);
    server.push_blobs("library/app", &image);
    let tags: Vec<String> = (0..200).map(|number| format!("v{number:03}")).collect();
    for tag in &tags {
        server.put_manifest("library/app", tag, &image.manifest).expect(201);
    }
    for target in ["n=10", "n=50&last=v100", "n=100&last=v150", "n=1&last=a"] {
        takes(&store, target, 1, || drop(server.get(&format!("/v2/library/app/tags/list?{target}")).expect(200)));
    }
    takes(&store, "all of them", 1, || assert_eq!(server.tags("library/app"), tags));
    // The order of tags is not that of keys: what sorts otherwise is looked for by itself.
    for tag in ["v100-rc", "v100.1", "w-1", "w"] {
        server.put_manifest("library/app", tag, &image.manifest).expect(201);
    }
    let answer = server.get("/v2/library/app/tags/list?n=4&last=v099").expect(200);
    assert_eq!(strings(&answer.json()["tags"]), ["v100", "v100-rc", "v100.1", "v101"]);
    let answer = server.get("/v2/library/app/tags/list?n=2&last=v199").expect(200);
    assert_eq!(strings(&answer.json()["tags"]), ["w", "w-1"]);
}

#[test]
fn a_catalog_is_a_request_for_each_level_of_names_however_many_there_are() {
    let store = Store::oss();
    let server = Server::setup().config_text(&store.oss_config(NO_REDIRECT)).start();
    let image = Image::oci(1440);
    let mut repositories: Vec<String> = ["a-b", "ab", "b", "b.c", "b/c"]
        .iter()
        .flat_map(|group| (0..8).map(move |n| format!("{group}/r{n}")))
        .collect();
    for repository in &repositories {
        server.push_image(repository, "v1", &image);
    }
    repositories.sort_by_key(|name| name.replace('/', "\0"));
    let catalog = || strings(&server.get("/v2/_catalog?n=1000").expect(200).json()["repositories"]);
    takes(&store, "40 repositories, on three levels", 4, || assert_eq!(catalog(), repositories));
    takes(&store, "the first ten", 4, || {
        let answer = server.get("/v2/_catalog?n=10").expect(200);
        assert_eq!(strings(&answer.json()["repositories"]), repositories[..10]);
    });
    // What is in a large one does not fit into an answer, so it and what is above it are looked into by themselves.
    for number in 0..500 {
        server.put_manifest("b/r3", &format!("v{number}"), &image.manifest).expect(201);
    }
    takes(&store, "with a large one", 8, || assert_eq!(catalog(), repositories));
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
