//! Goal: exchanging a storage backend under load fails no request and loses no byte, also when the next version has fewer of the
//! optional interfaces. Method: `storage-fixture`, which has them all, and `storage-minimal`, which has none, on one directory.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::support::http::tcp;
use crate::support::patience::Over;
use crate::support::plugin::{guest, put, variant};
use crate::support::{Blob, Image, Request, Server};

/// A server on `storage-fixture`, and another version of each component: of the full one, and of the one that has the least.
fn server() -> (Server, PathBuf, PathBuf) {
    let setup = Server::setup();
    let directory = setup.directory().to_owned();
    let first = put(&directory, "storage.wasm", &guest("storage-fixture"));
    let config = format!(
        "version: 0.1\nstorage:\n  plugin:\n    component: {}\n    config: {{append: true}}\n    \
         grants: {{directories: [{{path: DATA, guest: /data, write: true}}]}}\n  delete: {{enabled: true}}\n\
         http:\n  addr: ADDRESS\n  debug: {{addr: '127.0.0.1:0', prometheus: {{enabled: true}}}}\n\
         plugins: {{cache: {1}/cache}}\nadmin: {{socket: {1}/admin.sock}}\n",
        first.display(),
        directory.display()
    );
    let server = setup.config_text(&config).start();
    let full = put(&directory, "full.wasm", &variant(&guest("storage-fixture"), 2));
    let least = put(&directory, "least.wasm", &guest("storage-minimal"));
    (server, full, least)
}

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn uploads_go_on_as_they_began_whatever_the_next_version_can_do() {
    let (server, full, least) = server();
    let blob = Blob::new(bytes(1, 900_000));
    let pieces: Vec<&[u8]> = blob.bytes.chunks(300_000).collect();
    for (first, then) in [(&full, &least), (&least, &full)] {
        server.swap("storage", first);
        let mut location = server.start_upload("team/app");
        for (piece, component) in pieces.iter().zip([then, first, then]) {
            location = server.patch(&location, piece).expect(202).location();
            server.swap("storage", component);
        }
        server.close_upload(&location, &blob.digest, b"").expect(201);
        let pulled = server.get(&format!("/v2/team/app/blobs/{}", blob.digest)).expect(200);
        assert!(pulled.body == blob.bytes, "{} bytes came back", pulled.body.len());
        server.delete(&format!("/v2/team/app/blobs/{}", blob.digest)).expect(202);
        server.upkeep("garbage-collect", &[]);
    }
}

/// A pull whose reader pauses, and a push whose sender pauses, while the component is exchanged twice.
#[test]
fn transfers_in_flight_end_on_the_version_that_they_began_on() {
    let (server, full, least) = server();
    let blob = Blob::new(bytes(2, 24 << 20));
    server.push_blob("team/app", &blob);
    let mut pull = tcp(server.address());
    let target = format!("/v2/team/app/blobs/{}", blob.digest);
    pull.write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut pulled = vec![0; 65_536];
    pull.read_exact(&mut pulled).unwrap();
    let other = Blob::new(bytes(3, 4 << 20));
    let location = server.start_upload("team/app");
    let mut push = server.connect();
    let half = other.bytes.len() / 2;
    let head = Request::patch(&location).header("Content-Length", other.bytes.len().to_string());
    push.write(&head.content_type("application/octet-stream").encode_head("a")).unwrap();
    push.write(&other.bytes[..half]).unwrap();
    server.swap("storage", &least);
    server.swap("storage", &full);
    server.push_blob("team/app", &Blob::new(bytes(4, 1000)));
    push.write(&other.bytes[half..]).unwrap();
    let location = push.read_response(false).unwrap().expect(202).location();
    server.close_upload(&location, &other.digest, b"").expect(201);
    pull.read_to_end(&mut pulled).unwrap();
    assert!(pulled.ends_with(&blob.bytes), "{} bytes came", pulled.len());
    assert!(server.get(&format!("/v2/team/app/blobs/{}", other.digest)).expect(200).body == other.bytes);
    server.check_no_call_failed("storage");
}

/// What one client does over and over, each answer looked at.
fn push_and_pull(server: &Server, client: u64, round: u64) -> u64 {
    let repository = format!("team/app{client}");
    let image = Image::oci(client * 1_000_000 + round);
    server.push_image(&repository, "latest", &image);
    server.check_image(&repository, "latest", &image);
    let tags = server.get(&format!("/v2/{repository}/tags/list")).expect(200).json();
    assert_eq!(tags["tags"], serde_json::json!(["latest"]));
    let blob = Blob::new(bytes(client ^ (round << 20), 700_000));
    let mut location = server.start_upload(&repository);
    for piece in blob.bytes.chunks(250_000) {
        location = server.patch(&location, piece).expect(202).location();
    }
    server.close_upload(&location, &blob.digest, b"").expect(201);
    let target = format!("/v2/{repository}/blobs/{}", blob.digest);
    assert!(server.get(&target).expect(200).body == blob.bytes);
    server.delete(&target).expect(202);
    server.get(&target).expect(404);
    let cancelled = server.start_upload(&repository);
    server.delete(&cancelled).expect(204);
    20
}

#[test]
fn swaps_of_storage_under_load_lose_no_request() {
    let (server, full, least) = server();
    let (done, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    server.swap("storage", &least);
    std::thread::scope(|scope| {
        let _over = Over(&done);
        for client in 0..16 {
            let (server, done, requests) = (&server, &done, &requests);
            scope.spawn(move || {
                for round in 0.. {
                    if done.load(Relaxed) {
                        break;
                    }
                    requests.fetch_add(push_and_pull(server, client, round), Relaxed);
                }
            });
        }
        let swaps = server.keep_swapping("storage", &[full, least]);
        eprintln!("{swaps} swaps, {} requests", requests.load(Relaxed));
        assert!(swaps > 4, "{swaps}");
    });
    server.check_no_call_failed("storage");
}
