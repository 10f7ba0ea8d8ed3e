//! A Redis that is absent, dies, freezes or was never one: requests take longer at most.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::objects_s3::NO_REDIRECT;
use crate::support::patience::{Over, wait_until};
use crate::support::redis::{Redis, section};
use crate::support::server::free_address;
use crate::support::stores::Store;
use crate::support::{Blob, Image, Server};

const CACHE: &str = "  cache:\n    blobdescriptor: redis\n";
/// Tried again soon, so that a test need not wait.
const QUICK: &str = "maxretrybackoff: 300ms\n";

fn server(store: &Store, redis: &str) -> Server {
    Server::setup().config_text(&(store.oss_config(&format!("{NO_REDIRECT}{CACHE}")) + redis)).start()
}

fn count(server: &Server, text: &str) -> usize {
    server.log().matches(text).count()
}

#[test]
fn a_server_starts_without_redis_and_uses_it_once_it_is_there() {
    let (store, address) = (Store::oss(), free_address());
    let server = server(&store, &section(&[address], QUICK));
    server.wait_for_log(&format!("Redis at {address} is not there"));
    let image = Image::oci(2200);
    server.push_image("library/app", "v1", &image);
    server.check_image("library/app", "v1", &image);
    let redis = Redis::start_at(address, &[]);
    server.wait_for_log(&format!("Redis at {address} answers"));
    server.check_image("library/app", "v1", &image);
    redis.wait_for(&["SISMEMBER", "repository::library/app::blobs", &image.layers[0].digest], "1");
    assert_eq!(count(&server, "is not there"), 1, "{}", server.log());
}

#[test]
fn killed_under_load_nobody_notices() {
    let (store, mut redis) = (Store::oss(), Redis::start());
    let server = server(&store, &redis.section(QUICK));
    server.wait_for_log(" answers");
    let images: Vec<Image> = (0..4).map(|number| Image::oci(2210 + number)).collect();
    images.iter().for_each(|image| server.push_image("library/app", "v1", image));
    let (ended, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _over = Over(&ended);
        for (number, image) in images.iter().enumerate() {
            let (server, ended, rounds) = (&server, &ended, &rounds);
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    image.blobs().for_each(|blob| server.check_blob("library/app", blob));
                    let round = rounds.fetch_add(1, Ordering::Relaxed) as u64;
                    server.push_blob("library/app", &Blob::random(22_000 + round * 4 + number as u64, 300));
                }
            });
        }
        let more = |count: usize| {
            let until = rounds.load(Ordering::Relaxed) + count;
            wait_until(|| rounds.load(Ordering::Relaxed) >= until, || server.log());
        };
        more(4);
        redis.kill();
        more(8);
        redis.restart();
        server.wait_for_log("is back");
        more(4);
    });
    assert_eq!((count(&server, "is away"), count(&server, "is back")), (1, 1), "{}", server.log());
}

#[test]
fn frozen_it_costs_one_wait_and_is_used_again_afterwards() {
    let (store, redis) = (Store::oss(), Redis::start());
    let server = server(&store, &redis.section(&format!("{QUICK}readtimeout: 1s\ndialtimeout: 300ms\n")));
    server.wait_for_log(" answers");
    let (blob, other) = (Blob::random(2220, 3000), Blob::random(2221, 3000));
    server.push_blob("library/app", &blob);
    server.push_blob("library/app", &other);
    redis.freeze();
    server.check_blob("library/app", &blob);
    server.wait_for_log("no answer within 1s");
    // Fifty such waits would take most of a minute.
    let begun = Instant::now();
    for _ in 0..50 {
        server.check_blob("library/app", &blob);
    }
    assert!(begun.elapsed() < Duration::from_secs(25), "each request waits for a Redis that is away");
    // What is deleted meanwhile is gone here at once, and there when it is back.
    server.delete(&format!("/v2/library/app/blobs/{}", other.digest)).expect(202);
    server.get(&format!("/v2/library/app/blobs/{}", other.digest)).expect_error(404, "BLOB_UNKNOWN");
    redis.thaw();
    server.wait_for_log("is back");
    server.get(&format!("/v2/library/app/blobs/{}", other.digest)).expect_error(404, "BLOB_UNKNOWN");
    redis.wait_for(&["SISMEMBER", "repository::library/app::blobs", &other.digest], "0");
    server.check_blob("library/app", &blob);
}

#[test]
fn one_that_accepts_and_never_answers_is_as_good_as_none() {
    let (store, listener) = (Store::oss(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("an address");
    let server = server(&store, &section(&[address], &format!("{QUICK}dialtimeout: 300ms\n")));
    server.wait_for_log("is not there");
    let image = Image::oci(2230);
    server.push_image("library/app", "v1", &image);
    server.check_image("library/app", "v1", &image);
    assert!(server.log().contains("no answer within 300ms"), "{}", server.log());
}

#[test]
fn something_that_is_no_redis_is_told_as_such() {
    let store = Store::oss();
    let server = server(&store, &section(&[store.address()], QUICK));
    server.wait_for_log("is not there");
    let blob = Blob::random(2240, 3000);
    server.push_blob("library/app", &blob);
    server.check_blob("library/app", &blob);
}
