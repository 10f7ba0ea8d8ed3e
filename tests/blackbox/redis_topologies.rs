//! Redis over TLS, with users, watched by sentinels, and as a cluster; and the walk-through that has one.

use super::objects_recipes::{OSS, through};
use super::objects_s3::NO_REDIRECT;
use crate::support::patience::wait_until;
use crate::support::redis::{Redis, Watched, cluster, section};
use crate::support::stores::{Store, Tunnel};
use crate::support::tls::Certificate;
use crate::support::{Blob, Image, Server};

const QUICK: &str = "maxretrybackoff: 300ms\n";
const MEMBERS: &str = "repository::library/app::blobs";

fn config(store: &Store, redis: &str) -> String {
    store.oss_config(&format!("{NO_REDIRECT}  cache:\n    blobdescriptor: redis\n")) + redis
}

/// Pushes a blob, and waits until it stands in Redis.
#[track_caller]
fn caches(server: &Server, redis: &Redis, seed: u64) {
    let blob = Blob::random(seed, 3000);
    server.push_blob("library/app", &blob);
    redis.wait_for(&["SISMEMBER", MEMBERS, &blob.digest], "1");
    server.check_blob("library/app", &blob);
}

#[test]
fn over_tls_with_a_certificate_of_the_clients() {
    let (store, certificate) = (Store::oss(), Certificate::new());
    let redis = Redis::start_tls(&certificate);
    let setup = Server::setup();
    let (file, key) = crate::support::nginx::certificate_files(setup.directory(), &certificate);
    let tls = format!("tls:\n  certificate: {file}\n  key: {key}\n  rootcas: [{file}]\n");
    let server = setup.config_text(&config(&store, &redis.section(&tls))).start();
    server.wait_for_log(" answers");
    caches(&server, &redis, 2300);

    // Nobody is let in without one, and nobody is believed whose certificate is not trusted.
    let server = Server::setup().config_text(&config(&store, &redis.section(&format!("tls:\n  rootcas: [{file}]\n"))));
    let server = server.start();
    server.wait_for_log("is not there");
    let stranger = Certificate::new();
    let setup = Server::setup();
    let (other, _) = crate::support::nginx::certificate_files(setup.directory(), &stranger);
    let tls = format!("tls:\n  certificate: {file}\n  key: {key}\n  rootcas: [{other}]\n");
    let distrustful = setup.config_text(&config(&store, &redis.section(&tls))).start();
    distrustful.wait_for_log("invalid peer certificate");
}

#[test]
fn as_a_user_who_may_do_what_the_documentation_lists() {
    let (store, redis) = (Store::oss(), Redis::start_with(&["--requirepass", "of the default user"]));
    let redis = redis.login("default", "of the default user");
    redis.ask(&[
        "ACL",
        "SETUSER",
        "wharf",
        "on",
        ">secret",
        "~blobs::*",
        "~repository::*",
        "~wharf::*",
        "-@all",
        "+hget",
        "+hset",
        "+hsetnx",
        "+hdel",
        "+sadd",
        "+srem",
        "+pexpire",
        "+persist",
        "+eval",
        "+select",
    ]);
    let as_user = |user: &str, password: &str, more: &str| {
        let keys = format!("username: {user}\npassword: {password}\n{more}");
        Server::setup().config_text(&config(&store, &redis.section(&keys))).start()
    };
    let server = as_user("wharf", "secret", "db: 3\n");
    server.wait_for_log(" answers");
    let blob = Blob::random(2310, 3000);
    server.push_blob("library/app", &blob);
    redis.wait_for(&["-n", "3", "SISMEMBER", MEMBERS, &blob.digest], "1");
    server.delete(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(202);
    assert_eq!(redis.ask(&["-n", "3", "SISMEMBER", MEMBERS, &blob.digest]), "0");
    assert!(!server.log().contains("refuses"), "{}", server.log());

    let wrong = as_user("wharf", "wrong", "");
    wrong.wait_for_log("check redis.username and redis.password");
    wrong.push_blob("library/app", &blob);
    wrong.check_blob("library/app", &blob);
    // Who may not do all of it is told what is missing.
    redis.ask(&["ACL", "SETUSER", "wharf", "-eval"]);
    let weak = as_user("wharf", "secret", "");
    weak.wait_for_log(" answers");
    weak.push_blob("library/app", &Blob::random(2311, 300));
    weak.wait_for_log("give the user these commands");
    for server in [&server, &wrong, &weak] {
        assert!(!server.log().contains("secret\""), "{}", server.log());
    }
}

#[test]
fn the_new_master_is_found_when_the_old_one_dies() {
    let (store, mut watched) = (Store::oss(), Watched::start());
    let redis = section(&[watched.sentinel.address()], &format!("mastername: main\n{QUICK}"));
    let server = Server::setup().config_text(&config(&store, &redis)).start();
    server.wait_for_log("Redis at the master main of the sentinels");
    server.wait_for_log(" answers");
    caches(&server, &watched.master, 2320);
    watched.master.kill();
    let blob = Blob::random(2321, 3000);
    server.push_blob("library/app", &blob);
    server.check_blob("library/app", &blob);
    watched.replica.wait_until(&["ROLE"], |role| role.starts_with("master"));
    server.wait_for_log("is back");
    caches(&server, &watched.replica, 2322);
}

#[test]
fn a_cluster_of_three() {
    let (store, nodes) = (Store::oss(), cluster());
    let addresses: Vec<_> = nodes.iter().map(Redis::address).collect();
    let server = Server::setup().config_text(&config(&store, &section(&addresses, QUICK))).start();
    server.wait_for_log("Redis at the cluster of");
    server.wait_for_log(" answers");
    let blobs: Vec<Blob> = (0..12).map(|number| Blob::random(2330 + number, 300)).collect();
    for blob in &blobs {
        server.push_blob("library/app", blob);
    }
    let keys = || nodes.iter().map(|node| node.ask(&["DBSIZE"]).parse::<u32>().expect("a number")).collect::<Vec<_>>();
    // The set, and two hashes for each blob.
    wait_until(|| keys().iter().sum::<u32>() >= 25, || format!("{:?}", keys()));
    assert!(keys().iter().all(|keys| *keys > 0), "{:?}", keys());
    for blob in &blobs {
        server.check_blob("library/app", blob);
        server.delete(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(202);
        server.get(&format!("/v2/library/app/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");
    }
    assert!(!server.log().contains("refuses"), "{}", server.log());
}

#[test]
fn r4_oss_with_a_cache_in_redis_by_variables() {
    let certificate = Certificate::of(&["images.oss-cn-hangzhou.aliyuncs.com"]);
    let store = Store::oss_tls(&certificate);
    let redis = Redis::start_with(&["--requirepass", "pass word"]).login("default", "pass word");
    let (tunnel, address) = (Tunnel::to(store.address()), redis.address().to_string());
    let more = [
        ("REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR", "redis"),
        ("REGISTRY_REDIS_ADDR", &*address),
        ("REGISTRY_REDIS_PASSWORD", "pass word"),
        ("REGISTRY_REDIS_DB", "0"),
        ("REGISTRY_REDIS_POOL_MAXIDLE", "16"),
        ("REGISTRY_REDIS_POOL_MAXACTIVE", "64"),
        ("REGISTRY_REDIS_POOL_IDLETIMEOUT", "300s"),
    ];
    let server = through(&tunnel, &certificate, &[&OSS[..], &more].concat()).start();
    server.wait_for_log("using redis blob descriptor cache");
    server.wait_for_log(" answers");
    let image = Image::docker(2340);
    server.push_image("library/app", "latest", &image);
    server.check_image("library/app", "latest", &image);
    for blob in image.blobs() {
        redis.wait_for(&["SISMEMBER", MEMBERS, &blob.digest], "1");
    }
    assert!(!server.log().contains("configuration: redis"), "no key is warned of: {}", server.log());
}
