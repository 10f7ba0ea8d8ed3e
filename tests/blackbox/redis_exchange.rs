//! A Redis, and the data, that Wharf and `distribution` use at the same time.

use super::objects_s3::NO_REDIRECT;
use crate::support::redis::Redis;
use crate::support::stores::Store;
use crate::support::{Blob, Image, Program, Request, Server};

const APP: &str = "library/app";
const CACHE: &str = "cache:\n  blobdescriptor: redis";

/// Both on one directory.
fn on_a_directory(redis: &Redis) -> (Server, Server) {
    let wharf = Server::setup().storage(CACHE).section(&redis.section("")).start();
    let theirs = Server::setup_of(Program::Distribution).storage(CACHE).section(&redis.section(""));
    let theirs = theirs.data(wharf.data()).keeping(&wharf).start();
    (wharf, theirs)
}

/// Both on one bucket.
fn on_a_bucket(store: &Store, redis: &Redis) -> (Server, Server) {
    let storage = format!("{NO_REDIRECT}  {}\n", CACHE.replace('\n', "\n  "));
    let config = store.s3_config(&storage) + &redis.section("");
    let start = |program| Server::setup_of(program).config_text(&config).start();
    (start(Program::Wharf), start(Program::Distribution))
}

fn target(blob: &Blob) -> String {
    format!("/v2/{APP}/blobs/{}", blob.digest)
}

#[track_caller]
fn stands_in_redis(redis: &Redis, digest: &str, expected: bool) {
    let expected = if expected { "1" } else { "0" };
    redis.wait_for(&["SISMEMBER", &format!("repository::{APP}::blobs"), digest], expected);
}

/// Whoever pushes, the other one serves; whoever deletes, the other one serves it no more.
fn exchange(redis: &Redis, wharf: &Server, theirs: &Server, seed: u64) {
    wharf.wait_for_log(" answers");
    for (from, to, seed) in [(wharf, theirs, seed), (theirs, wharf, seed + 10), (wharf, theirs, seed + 20)] {
        let (image, blob) = (Image::docker(seed), Blob::random(seed + 1, 3000));
        from.push_image(APP, "v1", &image);
        from.push_blob(APP, &blob);
        for server in [to, from] {
            server.check_image(APP, "v1", &image);
            server.check_blob(APP, &blob);
        }
        stands_in_redis(redis, &blob.digest, true);
        to.delete(&target(&blob)).expect(202);
        for server in [from, to] {
            server.get(&target(&blob)).expect_error(404, "BLOB_UNKNOWN");
            server.head(&target(&blob)).expect(404);
        }
        let manifest = format!("/v2/{APP}/manifests/{}", image.manifest.digest);
        from.delete(&manifest).expect(202);
        for server in [to, from] {
            server.send(Request::get(&manifest).header("Accept", &image.manifest.media_type)).expect(404);
        }
        // And it can be pushed again by either.
        to.push_blob(APP, &blob);
        from.check_blob(APP, &blob);
        to.check_blob(APP, &blob);
    }
}

#[test]
fn a_directory_and_a_redis_are_shared_with_distribution() {
    let redis = Redis::start();
    let (wharf, theirs) = on_a_directory(&redis);
    exchange(&redis, &wharf, &theirs, 2400);
}

#[test]
fn a_bucket_and_a_redis_are_shared_with_distribution() {
    let (store, redis) = (Store::s3(), Redis::start());
    let (wharf, theirs) = on_a_bucket(&store, &redis);
    exchange(&redis, &wharf, &theirs, 2450);
}

/// `distribution` answers from Redis alone what it finds there; so what it answers when the link is hidden is what Wharf wrote.
#[test]
fn distribution_reads_what_was_written_here() {
    let redis = Redis::start();
    let (wharf, theirs) = on_a_directory(&redis);
    wharf.wait_for_log(" answers");
    let blob = Blob::random(2480, 3000);
    wharf.push_blob(APP, &blob);
    stands_in_redis(&redis, &blob.digest, true);
    let hex = &blob.digest["sha256:".len()..];
    let link = wharf.data().join(format!("docker/registry/v2/repositories/{APP}/_layers/sha256/{hex}/link"));
    let hidden = link.with_extension("hidden");
    std::fs::rename(&link, &hidden).expect("the link is there");
    assert_eq!(theirs.head(&target(&blob)).expect(200).the("content-length"), "3000");
    // Here, the storage is the truth.
    wharf.head(&target(&blob)).expect(404);
}

/// What is collected is forgotten in Redis, or `distribution` would have clients skip the upload of what is gone.
#[test]
fn a_collection_here_is_known_to_distribution() {
    let redis = Redis::start();
    let (wharf, theirs) = on_a_directory(&redis);
    wharf.wait_for_log(" answers");
    let (kept, image) = (Image::docker(2490), Image::docker(2491));
    wharf.push_image(APP, "kept", &kept);
    wharf.push_image(APP, "gone", &image);
    for blob in image.blobs().chain(kept.blobs()) {
        stands_in_redis(&redis, &blob.digest, true);
        theirs.check_blob(APP, blob);
    }
    stands_in_redis(&redis, &image.manifest.digest, true);
    wharf.delete(&format!("/v2/{APP}/manifests/{}", image.manifest.digest)).expect(202);
    wharf.garbage_collect(&[]);
    for blob in image.blobs() {
        theirs.head(&target(blob)).expect(404);
        stands_in_redis(&redis, &blob.digest, false);
    }
    for server in [&wharf, &theirs] {
        server.check_image(APP, "kept", &kept);
    }
}
