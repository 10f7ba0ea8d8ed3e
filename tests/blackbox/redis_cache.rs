//! Descriptors in Redis: what is written there, what it saves, and what is not believed.

use super::objects_s3::NO_REDIRECT;
use crate::support::patience::wait_until;
use crate::support::redis::Redis;
use crate::support::stores::Store;
use crate::support::{Blob, Image, Request, Server};

/// Under `storage`: the cache in Redis, and no redirects.
fn storage(more: &str) -> String {
    format!("{NO_REDIRECT}  cache:\n    blobdescriptor: redis\n{more}")
}

/// A server on this store with this Redis.
#[track_caller]
fn server(store: &Store, redis: &Redis, more: &str) -> Server {
    started(&(store.oss_config(&storage(more)) + &redis.section("")))
}

/// A server with this configuration, which has met Redis when this returns.
#[track_caller]
fn started(config: &str) -> Server {
    let server = Server::setup().config_text(config).start();
    server.wait_for_log(" answers");
    server
}

const APP: &str = "library/app";

fn members(repository: &str) -> String {
    format!("repository::{repository}::blobs")
}

fn entry(repository: &str, digest: &str) -> String {
    format!("repository::{repository}::blobs::{digest}")
}

/// Waits until a repository's entry for a blob is there, sealed, and gives it.
#[track_caller]
fn sealed(redis: &Redis, repository: &str, digest: &str) -> String {
    redis.wait_for(&["SISMEMBER", &members(repository), digest], "1");
    redis.ask(&["HGET", &entry(repository, digest), "wharf-blob"])
}

/// How many requests the store has while `act` runs.
#[track_caller]
fn cost(store: &Store, act: impl FnOnce()) -> u64 {
    let before: u64 = store.requests().values().sum();
    act();
    store.requests().values().sum::<u64>() - before
}

#[test]
fn redis_has_what_distribution_would_have_written_until_it_is_deleted() {
    let (store, redis) = (Store::oss(), Redis::start());
    let server = server(&store, &redis, "");
    server.wait_for_log("using redis blob descriptor cache");
    let blob = Blob::random(2100, 5000);
    server.push_blob(APP, &blob);
    assert!(!sealed(&redis, APP, &blob.digest).is_empty());
    let everywhere = format!("blobs::{}", blob.digest);
    assert_eq!(
        redis.ask(&["HMGET", &everywhere, "digest", "size", "mediatype"]),
        format!("{}\n5000\napplication/octet-stream", blob.digest)
    );
    let entry = entry(APP, &blob.digest);
    assert_eq!(redis.ask(&["HGET", &entry, "mediatype"]), "application/octet-stream");
    for key in [&*members(APP), &entry, &everywhere] {
        assert_eq!(redis.ask(&["TTL", key]), "-1", "{key}");
    }

    server.delete(&format!("/v2/{APP}/blobs/{}", blob.digest)).expect(202);
    assert_eq!(redis.ask(&["SISMEMBER", &members(APP), &blob.digest]), "0");
    assert_eq!(redis.ask(&["HGET", &entry, "mediatype"]), "");
    assert_eq!(redis.ask(&["EXISTS", &everywhere]), "0");
    assert_ne!(redis.ask(&["TTL", &entry]), "-1", "the mark of the removal ends by itself");
    server.get(&format!("/v2/{APP}/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");
}

#[test]
fn a_new_process_finds_in_redis_what_another_one_has_learned() {
    let (store, redis) = (Store::oss(), Redis::start());
    let (first, image) = (server(&store, &redis, ""), Image::oci(2110));
    first.push_image(APP, "v1", &image);
    let layer = &image.layers[0].digest;
    sealed(&redis, APP, layer);
    sealed(&redis, APP, &image.manifest.digest);
    let blob = format!("/v2/{APP}/blobs/{layer}");
    let manifest = format!("/v2/{APP}/manifests/{}", image.manifest.digest);
    let costs = |server: &Server| {
        [
            cost(&store, || drop(server.get(&manifest).expect(200))),
            cost(&store, || drop(server.get(&manifest).expect(200))),
            cost(&store, || drop(server.get(&blob).expect(200))),
            cost(&store, || drop(server.head(&blob).expect(200))),
        ]
    };
    assert_eq!(costs(&server(&store, &redis, "")), [1, 0, 1, 1]);
    // Without what Redis has, each link is read once.
    redis.ask(&["FLUSHALL"]);
    let other = server(&store, &redis, "");
    assert_eq!(cost(&store, || drop(other.get(&blob).expect(200))), 2);
    sealed(&redis, APP, layer);
    assert_eq!(cost(&store, || drop(other.get(&blob).expect(200))), 1);
}

#[test]
fn what_one_server_deletes_the_other_does_not_know_any_more() {
    let (store, redis) = (Store::oss(), Redis::start());
    let (one, other) = (server(&store, &redis, ""), server(&store, &redis, ""));
    let image = Image::oci(2120);
    one.push_image(APP, "v1", &image);
    let digests = image.blobs().map(|blob| blob.digest.clone()).chain([image.manifest.digest.clone()]);
    digests.for_each(|digest| drop(sealed(&redis, APP, &digest)));
    other.check_image(APP, "v1", &image);
    let blob = format!("/v2/{APP}/blobs/{}", image.layers[0].digest);
    let manifest = format!("/v2/{APP}/manifests/{}", image.manifest.digest);
    one.delete(&blob).expect(202);
    other.get(&blob).expect_error(404, "BLOB_UNKNOWN");
    other.head(&blob).expect(404);
    one.delete(&manifest).expect(202);
    other.get(&manifest).expect_error(404, "MANIFEST_UNKNOWN");
    // And back again.
    other.push_image(APP, "v2", &image);
    one.check_image(APP, "v2", &image);
}

#[test]
fn no_entry_of_somebody_else_opens_a_blob() {
    let (store, redis) = (Store::oss(), Redis::start());
    let server = server(&store, &redis, "");
    let (blob, other) = (Blob::random(2130, 5000), Blob::random(2131, 70));
    server.push_blob("secret/app", &blob);
    server.push_blob("public/app", &other);
    let seal = sealed(&redis, "secret/app", &blob.digest);
    let others_seal = sealed(&redis, "public/app", &other.digest);
    let target = format!("/v2/public/app/blobs/{}", blob.digest);
    let entry = entry("public/app", &blob.digest);
    let refused = || {
        server.get(&target).expect_error(404, "BLOB_UNKNOWN");
        server.head(&target).expect(404);
        server.send(Request::get(&target).header("Range", "bytes=0-1")).expect(404);
        server.get(&target.replace("/blobs/", "/manifests/")).expect(404);
    };
    // As `distribution` would write it, which believes it.
    redis.ask(&["SADD", &members("public/app"), &blob.digest]);
    redis.ask(&["HSET", &entry, "mediatype", "application/octet-stream"]);
    refused();
    // What was sealed for another repository or another digest, and what nobody sealed.
    for field in [&*seal, &others_seal, &format!("AAAA {}", &seal[44..]), "garbage", ""] {
        redis.ask(&["HSET", &entry, "wharf-blob", field, "wharf-manifest", field]);
        refused();
    }
    server.wait_for_log("was not written by this registry");
    redis.ask(&["DEL", &entry]);
    redis.ask(&["SET", &entry, "a value of another type"]);
    refused();
}

#[test]
fn an_entry_that_was_changed_costs_a_request_and_no_byte() {
    let (store, redis) = (Store::oss(), Redis::start());
    let server = server(&store, &redis, "");
    let (blob, other) = (Blob::random(2140, 5000), Blob::random(2141, 70));
    server.push_blob(APP, &blob);
    server.push_blob(APP, &other);
    let (seal, others_seal) = (sealed(&redis, APP, &blob.digest), sealed(&redis, APP, &other.digest));
    let (target, entry) = (format!("/v2/{APP}/blobs/{}", blob.digest), entry(APP, &blob.digest));
    let everywhere = format!("blobs::{}", blob.digest);
    redis.ask(&["HSET", &everywhere, "digest", &other.digest, "size", "70"]);
    let long = "x".repeat(100_000);
    for field in [seal.replace(" 5000 ", " 50 "), others_seal, long, "gone 99999999999999".to_owned(), String::new()] {
        redis.ask(&["HSET", &entry, "wharf-blob", &field]);
        server.check_blob(APP, &blob);
        assert_eq!(server.head(&target).expect(200).the("content-length"), "5000");
        let part = server.send(Request::get(&target).header("Range", "bytes=4990-")).expect(206);
        assert_eq!(part.the("content-range"), "bytes 4990-4999/5000");
    }
}

#[test]
fn a_deleted_blob_that_is_put_back_into_redis_lasts_for_its_age_only() {
    let (store, redis) = (Store::oss(), Redis::start());
    let server = server(&store, &redis, "    descriptor_age_max: 1s\n");
    let blob = Blob::random(2150, 500);
    server.push_blob(APP, &blob);
    let seal = sealed(&redis, APP, &blob.digest);
    let target = format!("/v2/{APP}/blobs/{}", blob.digest);
    server.delete(&target).expect(202);
    redis.ask(&["HSET", &entry(APP, &blob.digest), "wharf-blob", &seal]);
    wait_until(|| server.get(&target).status == 404, || "an entry outlives its age".to_owned());
}

#[test]
fn bytes_that_are_gone_are_gone_at_once_whatever_redis_says() {
    let (store, redis) = (Store::s3(), Redis::start());
    let server = started(&(store.s3_config(&storage("")) + &redis.section("")));
    let blob = Blob::random(2155, 500);
    server.push_blob(APP, &blob);
    sealed(&redis, APP, &blob.digest);
    let hex = &blob.digest["sha256:".len()..];
    let bytes = store.files().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    std::fs::remove_file(bytes).expect("the bytes are there");
    let target = format!("/v2/{APP}/blobs/{}", blob.digest);
    server.head(&target).expect(404);
    server.get(&target).expect_error(404, "BLOB_UNKNOWN");
    assert_eq!(redis.ask(&["SISMEMBER", &members(APP), &blob.digest]), "0", "it is forgotten for everybody");
}

#[test]
fn metrics_tell_of_redis() {
    let (store, redis) = (Store::oss(), Redis::start());
    let text = store.oss_config(&storage("")) + "  debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}\n";
    let server = started(&(text + &redis.section("")));
    let blob = Blob::random(2160, 500);
    server.push_blob(APP, &blob);
    sealed(&redis, APP, &blob.digest);
    server.check_blob(APP, &blob);
    let log = server.log();
    let (_, rest) = log.split_once("debug server listening on ").expect("a debug listener");
    let address = rest.split('"').next().and_then(|address| address.parse().ok()).expect("an address");
    let text = crate::support::Connection::open(address).send(&Request::get("/metrics")).expect(200);
    let text = String::from_utf8_lossy(&text.body).into_owned();
    assert!(text.contains("registry_redis_up 1\n"), "{text}");
    assert!(!text.contains("registry_storage_cache_hits_total 0\n"), "{text}");
    for operation in ["RepoStat", "RepoSetDescriptor"] {
        let count = format!("registry_storage_cache_redis_seconds_count{{operation=\"{operation}\"}}");
        assert!(text.contains(&count), "{count} is missing in\n{text}");
    }
}
