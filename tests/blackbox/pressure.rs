//! Many clients at once, little memory, and disks that are full.

use crate::support::disk::SmallDisk;
use crate::support::http::with_query;
use crate::support::{Blob, Connection, Image, Request, Server};

const MIB: usize = 1 << 20;

#[test]
fn two_hundred_clients_push_and_pull_at_once() {
    let server = Server::start();
    let shared = Image::oci(900);
    server.push_image("team/shared", "latest", &shared);
    std::thread::scope(|scope| {
        for client in 0..200_u64 {
            let (server, shared) = (&server, &shared);
            let work = move || {
                let mut connection = server.connect();
                let blob = Blob::random(901 + client, 2000);
                let repository = format!("team/r{}", client % 20);
                let opened = connection.send(&Request::post(format!("/v2/{repository}/blobs/uploads/"))).expect(202);
                let target = with_query(&opened.location(), &format!("digest={}", blob.digest));
                connection.send(&Request::put(target).body(blob.bytes.clone())).expect(201);
                let path = format!("/v2/{repository}/blobs/{}", blob.digest);
                assert!(connection.send(&Request::get(&path)).expect(200).body == blob.bytes);
                let pulled = connection.send(&Request::get("/v2/team/shared/manifests/latest")).expect(200);
                assert!(pulled.body == shared.manifest.bytes);
            };
            std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, work).unwrap();
        }
    });
    server.check_image("team/shared", "latest", &shared);
}

#[test]
fn memory_is_bounded_while_large_layers_are_pushed_and_pulled() {
    let server = Server::start();
    let content = crate::support::random(910, 64 * MIB);
    std::thread::scope(|scope| {
        for client in 0..8_u8 {
            let (server, content) = (&server, &content);
            scope.spawn(move || {
                let digest = sha256_of_two(&[client], content);
                let repository = format!("team/large{client}");
                let opened = server.start_upload(&repository);
                let mut connection = server.connect();
                stream(&mut connection, server, &opened, &[&[client], content]);
                let patched = connection.read_response(false).unwrap().expect(202);
                server.close_upload(&patched.location(), &digest, b"").expect(201);
                let head = server.head(&format!("/v2/{repository}/blobs/{digest}")).expect(200);
                assert_eq!(head.the("content-length"), (content.len() + 1).to_string());
            });
        }
    });
    let peak = server.peak_memory_bytes() >> 20;
    assert!(peak <= 120, "{peak} MiB of memory were used for 8 pushes of 64 MiB");
}

fn sha256_of_two(first: &[u8], second: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::new().chain_update(first).chain_update(second).finalize();
    format!("sha256:{}", crate::support::content::hex(&hash))
}

/// Sends a PATCH whose body is these pieces, without a copy of them.
fn stream(connection: &mut Connection, server: &Server, target: &str, pieces: &[&[u8]]) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let request = Request::patch(target).header("Content-Length", len.to_string());
    connection.write(&request.encode_head(&server.host())).unwrap();
    pieces.iter().for_each(|piece| connection.write(piece).unwrap());
}

#[test]
fn a_client_that_reads_slowly_costs_no_memory() {
    let server = Server::start();
    let blob = Blob::random(920, 32 * MIB);
    server.push_blob("team/app", &blob);
    let before = server.peak_memory_bytes();
    let host = server.host();
    let request = Request::get(format!("/v2/team/app/blobs/{}", blob.digest)).encode(&host);
    let mut slow = (0..16).map(|_| server.connect()).collect::<Vec<_>>();
    slow.iter_mut().for_each(|connection| connection.write(&request).unwrap());
    server.get("/v2/").expect(200);
    let answer = slow[0].read_response(false).unwrap().expect(200);
    assert!(answer.body == blob.bytes);
    let grown = server.peak_memory_bytes().saturating_sub(before) >> 20;
    assert!(grown <= 64, "16 slow readers took {grown} MiB");
}

#[test]
fn a_full_disk_fails_the_push_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // Only root can mount; for everybody else the next test stands alone.
    let Some(_disk) = SmallDisk::mount(&data, 8 * MIB) else { return };
    let server = Server::setup().data(&data).start();
    let image = Image::oci(930);
    server.push_image("team/app", "latest", &image);
    for round in 0..3 {
        let large = Blob::random(931 + round, 12 * MIB);
        let location = server.start_upload("team/app");
        let answer = server.patch(&location, &large.bytes);
        assert!([500, 503, 507].contains(&answer.status), "{answer}");
        assert!(!answer.text().contains("os error"), "the answer tells of the server's inside: {answer}");
        let target = format!("/v2/team/app/blobs/uploads/?digest={}", large.digest);
        let answer = server.send(Request::post(target).body(large.bytes.clone()));
        assert!([500, 503, 507].contains(&answer.status), "{answer}");
        server.get(&format!("/v2/team/app/blobs/{}", large.digest)).expect(404);
        server.check_image("team/app", "latest", &image);
        // Whoever gives up gets the space back.
        server.delete(&location).expect(204);
    }
    let small = Blob::random(940, 100_000);
    server.push_blob("team/app", &small);
    server.check_blob("team/app", &small);
    // Full to the last byte: even a tag can't be written, and the old one stays.
    let ballast = data.join("ballast");
    let mut bytes = 8 * MIB;
    while bytes > 0 {
        let mut file = std::fs::File::options().create(true).append(true).open(&ballast).unwrap();
        if std::io::Write::write_all(&mut file, &vec![0; bytes]).is_err() {
            bytes /= 2;
        }
    }
    let other = Image::oci(941);
    let answer = server.put_manifest("team/app", "latest", &other.manifest);
    assert!(answer.status >= 400, "{answer}");
    server.check_image("team/app", "latest", &image);
    std::fs::remove_file(&ballast).unwrap();
    server.push_image("team/app", "latest", &other);
    server.check_image("team/app", "latest", &other);
}

#[test]
fn a_file_that_can_not_grow_fails_the_push_and_nothing_else() {
    let server = Server::setup().file_bytes_max(4 << 20).start();
    let image = Image::oci(950);
    server.push_image("team/app", "latest", &image);
    let large = Blob::random(951, 6 * MIB);
    let location = server.start_upload("team/app");
    let answer = server.patch(&location, &large.bytes);
    assert!([500, 503, 507].contains(&answer.status), "{answer}");
    let target = format!("/v2/team/app/blobs/uploads/?digest={}", large.digest);
    let answer = server.send(Request::post(target).body(large.bytes.clone()));
    assert!([500, 503, 507].contains(&answer.status), "{answer}");
    server.get(&format!("/v2/team/app/blobs/{}", large.digest)).expect(404);
    server.check_image("team/app", "latest", &image);
    server.push_image("team/app", "other", &Image::oci(952));
}
