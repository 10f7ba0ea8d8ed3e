//! Upkeep of a bucket: what crashes leave is found, collections are paged and can be cut off, memory is bounded.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::objects_s3::NO_REDIRECT;
use crate::support::http::{path_of, tcp};
use crate::support::patience::wait_until;
use crate::support::server::{Setup, wharf};
use crate::support::stores::Store;
use crate::support::{Connection, Image, Request, Server, random, tools};

const MIB: usize = 1 << 20;
/// The smallest parts that S3 takes.
const SMALL_PARTS: &str = "    chunksize: 5242880\n    forcepathstyle";
/// How long one of many uploads may stand still that share their memory.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many files lie beneath a directory, at any depth.
fn files(path: &Path) -> usize {
    let entries = fs::read_dir(path).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// The same server with a component between it and the store.
fn behind_a_layer(config: &str) -> Setup {
    let component = tools::guest("storage-encrypted");
    let plugin = format!(
        "storage:\n  plugin:\n    component: {}\n    grants: {{secrets: {{key: {{env: STORAGE_KEY}}}}}}\n",
        component.display()
    );
    Server::setup().config_text(&config.replace("storage:\n", &plugin)).env("STORAGE_KEY", &"0f".repeat(32))
}

/// The parts of unfinished uploads that the store keeps, which no listing of objects shows.
fn parts_kept(store: &Store) -> usize {
    files(&store.files().join(".sgwtmp/multipart"))
}

/// Begins to send a body of `bytes` bytes, and sends only `sent` of them.
#[track_caller]
fn send_some(server: &Server, location: &str, bytes: usize, sent: &[u8]) -> TcpStream {
    let head = Request::patch(path_of(location))
        .content_type("application/octet-stream")
        .header("Content-Length", bytes.to_string())
        .encode_head(&server.host());
    let mut stream = tcp(server.address());
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(&head).expect("the head is taken");
    stream.write_all(sent).expect("the bytes are taken");
    stream
}

#[test]
fn what_a_killed_server_leaves_of_a_multipart_upload_is_purged() {
    let store = Store::s3();
    let config = store.s3_config(NO_REDIRECT).replace("    forcepathstyle", SMALL_PARTS);
    what_is_left_is_purged(&store, Server::setup().config_text(&config));
}

#[test]
fn what_a_layer_has_begun_in_the_store_below_is_purged() {
    let store = Store::s3();
    let config = store.s3_config(NO_REDIRECT).replace("    forcepathstyle", SMALL_PARTS);
    what_is_left_is_purged(&store, behind_a_layer(&config));
}

#[track_caller]
fn what_is_left_is_purged(store: &Store, setup: Setup) {
    let mut server = setup.start();
    let location = server.start_upload("library/app");
    let _unfinished = send_some(&server, &location, 64 * MIB, &random(1500, 24 * MIB));
    wait_until(|| parts_kept(store) >= 2, || server.log());
    server.kill();
    assert!(parts_kept(store) >= 2);

    let young = server.upkeep("purge-uploads", &["--age", "1h"]);
    assert!(young.contains("0 unfinished writes purged, 1 kept"), "{young}");
    let dry = server.upkeep("purge-uploads", &["--age", "0s", "--dry-run"]);
    assert!(dry.contains("1 unfinished writes eligible for purging, 0 kept"), "{dry}");
    assert!(parts_kept(store) >= 2, "a dry run has removed something");
    let purged = server.upkeep("purge-uploads", &["--age", "0s"]);
    assert!(purged.contains("1 uploads purged, 0 kept\n1 unfinished writes purged, 0 kept"), "{purged}");
    assert_eq!(parts_kept(store), 0);
    assert!(!server.upkeep("purge-uploads", &["--age", "0s"]).contains("unfinished"));
}

#[test]
fn the_same_goes_for_oss() {
    let store = Store::oss();
    let config = store.oss_config(NO_REDIRECT).replace("    endpoint:", "    chunksize: 5242880\n    endpoint:");
    let mut server = Server::setup().config_text(&config).start();
    let location = server.start_upload("library/app");
    let _unfinished = send_some(&server, &location, 64 * MIB, &random(1505, 12 * MIB));
    wait_until(|| store.requests().get("UploadPart").is_some_and(|parts| *parts >= 1), || server.log());
    server.kill();
    let young = server.upkeep("purge-uploads", &["--age", "1h"]);
    assert!(young.contains("0 unfinished writes purged, 1 kept"), "{young}");
    let purged = server.upkeep("purge-uploads", &["--age", "0s"]);
    assert!(purged.contains("1 unfinished writes purged, 0 kept"), "{purged}");
    assert!(!server.upkeep("purge-uploads", &["--age", "0s"]).contains("unfinished"));
}

/// A way to a store on which each connection sends no more than so many bytes in a second.
fn slow_way_to(target: SocketAddr, bytes_per_second: usize) -> SocketAddr {
    const PIECE: usize = 64 << 10;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let store = TcpStream::connect(target).expect("the store listens");
            let (mut back, mut to_client) =
                (store.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut back, &mut to_client);
                let _ = to_client.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                let (mut from, mut to, mut piece) = (client, store, vec![0; PIECE]);
                while let Ok(bytes @ 1..) = from.read(&mut piece) {
                    if to.write_all(&piece[..bytes]).is_err() {
                        break;
                    }
                    std::thread::sleep(Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64));
                }
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

/// Each of them alone would hold up to four parts of 5 MiB.
#[test]
fn many_uploads_at_once_over_a_slow_store_share_their_memory_and_none_fails() {
    const UPLOADS: usize = 24;
    const BYTES: usize = 16 * MIB;
    let store = Store::s3();
    let way = slow_way_to(store.address(), 24 * MIB);
    let uploads = "  uploads:\n    part_memory_bytes_max: 40MiB\n";
    let config = store.s3_config(&format!("{NO_REDIRECT}{uploads}")).replace("    forcepathstyle", SMALL_PARTS);
    let server = Server::setup().config_text(&config.replace(&store.address().to_string(), &way.to_string())).start();
    let content = random(1510, BYTES);
    std::thread::scope(|scope| {
        for number in 0..UPLOADS {
            let (server, content) = (&server, &content);
            scope.spawn(move || {
                let location = server.start_upload(&format!("library/app{number}"));
                let stream = send_some(server, &location, BYTES, content);
                stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let answer = Connection::over(Box::new(stream), &server.host()).read_response(false);
                assert_eq!(answer.expect("an answer").expect(202).the("range"), format!("0-{}", BYTES - 1));
            });
        }
    });
    let peak = server.peak_memory_bytes() >> 20;
    assert!(peak < 200, "{peak} MiB of memory were used for {UPLOADS} uploads");
}

/// Puts blobs that nothing needs, and links to them, into the bucket, as files of the store.
fn garbage(store: &Store, blobs: usize) {
    let root = store.files().join("docker/registry/v2");
    for number in 0..blobs {
        let digest = crate::support::sha256(format!("garbage {number}").as_bytes());
        let hex = digest.strip_prefix("sha256:").expect("a SHA-256");
        let blob = root.join(format!("blobs/sha256/{}/{hex}", &hex[..2]));
        fs::create_dir_all(&blob).expect("a directory");
        fs::write(blob.join("data"), "garbage").expect("a file");
        let link = root.join(format!("repositories/library/app/_layers/sha256/{hex}"));
        fs::create_dir_all(&link).expect("a directory");
        fs::write(link.join("link"), &digest).expect("a file");
    }
}

#[test]
fn a_collection_of_five_thousand_keys_is_paged_honest_and_can_be_killed() {
    const BLOBS: usize = 2500;
    let store = Store::s3();
    let mut server = Server::setup().config_text(&store.s3_config(NO_REDIRECT)).start();
    let kept = Image::oci(1520);
    server.push_image("library/app", "kept", &kept);
    garbage(&store, BLOBS);
    server.kill();
    let blobs = store.files().join("docker/registry/v2/blobs");
    let all = files(&store.files());

    let dry = server.garbage_collect(&["--dry-run"]);
    assert_eq!(files(&store.files()), all, "a dry run has changed something");
    let eligible = |text: &str| text.lines().filter(|line| line.starts_with("blob eligible for deletion")).count();
    assert_eq!(eligible(&dry), BLOBS, "{}", &dry[..dry.len().min(2000)]);

    // Killed when it has begun to delete.
    let mut collection = Command::new(wharf());
    let collection = collection.arg("garbage-collect").arg(server.config()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut collection = collection.spawn().expect("the program can be started");
    let begun = || files(&store.files()) < all || collection.try_wait().is_ok_and(|end| end.is_some());
    wait_until(begun, || "nothing is deleted".to_owned());
    collection.kill().expect("it can be killed");
    collection.wait().expect("it ends");
    server.restart();
    server.check_image("library/app", "kept", &kept);
    server.kill();

    let before = store.answered();
    server.garbage_collect(&[]);
    let requests = store.answered() - before;
    assert!((5..60).contains(&requests), "{requests} requests");
    assert_eq!(files(&blobs), kept.blobs().count() + 1);
    assert_eq!(eligible(&server.garbage_collect(&[])), 0);
    server.restart();
    server.check_image("library/app", "kept", &kept);
}
