//! Uploads into a bucket: large ones, and such that several servers share.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::objects_s3::serve;
use crate::support::http::{path_of, tcp, with_query};
use crate::support::patience::wait_until;
use crate::support::server::Program;
use crate::support::stores::Store;
use crate::support::{Blob, Connection, Request, Server};

/// Continues an upload at whichever server, where the other one left it.
#[track_caller]
fn patch_at(server: &Server, location: &str, bytes: &[u8]) -> String {
    let path = path_of(location);
    server
        .send(Request::patch(path).content_type("application/octet-stream").body(bytes))
        .expect(202)
        .the("location")
        .to_owned()
}

/// How many files there are of uploads.
fn leftovers(store: &Store) -> usize {
    fn files(path: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(path).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
        entries.iter().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
    }
    files(&store.files().join("docker/registry/v2/repositories/library/app/_uploads"))
}

#[test]
fn an_upload_hops_between_two_replicas_at_each_chunk() {
    let store = Store::s3();
    let replicas = [serve(Program::Wharf, &store), serve(Program::Wharf, &store)];
    let blob = Blob::random(1100, 7 * 300_000);
    let mut location = replicas[0].start_upload("library/app");
    for (turn, chunk) in blob.bytes.chunks(300_000).enumerate() {
        location = patch_at(&replicas[(turn + 1) % 2], &location, chunk);
    }
    replicas[1].close_upload(&path_of(&location), &blob.digest, b"").expect(201);
    for replica in &replicas {
        replica.check_blob("library/app", &blob);
    }
    // What is left of the upload goes after its answer.
    wait_until(|| leftovers(&store) == 0, || "parts are left".to_owned());
}

#[test]
fn an_upload_goes_on_when_the_replica_that_began_it_is_killed() {
    let store = Store::s3();
    let (mut first, second) = (serve(Program::Wharf, &store), serve(Program::Wharf, &store));
    let blob = Blob::random(1110, 900_000);
    let location = first.start_upload("library/app");
    let location = patch_at(&first, &location, &blob.bytes[..400_000]);
    first.kill();
    let status = second.get(&path_of(&location)).expect(204);
    assert_eq!(status.the("range"), "0-399999");
    second.close_upload(&path_of(&location), &blob.digest, &blob.bytes[400_000..]).expect(201);
    second.check_blob("library/app", &blob);
}

/// How long a store may take to make one object of a gigabyte of parts, on a busy machine.
const ASSEMBLING: Duration = Duration::from_secs(300);

/// A connection that waits so long.
fn patient(server: &Server) -> Connection {
    let stream = tcp(server.address());
    stream.set_read_timeout(Some(ASSEMBLING)).expect("a timeout");
    stream.set_write_timeout(Some(ASSEMBLING)).expect("a timeout");
    Connection::over(Box::new(stream), &server.host())
}

/// The published recipe is about a layer of 1 GiB that fails at 200 parts. This one has parts of the default size, a store that
/// keeps them all, and comes in one request, as docker sends it.
#[test]
fn a_layer_of_more_than_a_gigabyte_goes_through_with_the_default_chunk_size() {
    const PIECE: usize = 1 << 20;
    const PIECES: usize = 1300;
    let store = Store::s3();
    let server = serve(Program::Wharf, &store);
    // Each MiB differs from the others, so that none can take another's place.
    let mut piece = crate::support::random(1120, PIECE);
    let mut digest = Sha256::new();
    let location = path_of(&server.start_upload("library/app"));
    let head = Request::patch(location)
        .content_type("application/octet-stream")
        .header("Content-Length", (PIECE * PIECES).to_string())
        .encode_head(&server.host());
    let mut connection = patient(&server);
    connection.write(&head).expect("the head is taken");
    for number in 0..PIECES {
        piece[..8].copy_from_slice(&(number as u64).to_le_bytes());
        digest.update(&piece);
        connection.write(&piece).expect("a piece is taken");
    }
    let answer = connection.read_response(false).expect("an answer");
    let location = path_of(answer.expect(202).the("location"));
    let digest = format!("sha256:{}", crate::support::content::hex(&digest.finalize()));
    let close = Request::put(with_query(&location, &format!("digest={digest}"))).body(Vec::new());
    patient(&server).send(&close).expect(201);
    let answer = server.head(&format!("/v2/library/app/blobs/{digest}")).expect(200);
    assert_eq!(answer.the("content-length"), (PIECE * PIECES).to_string());
    let last = server.send(
        Request::get(format!("/v2/library/app/blobs/{digest}"))
            .header("Range", format!("bytes={}-", PIECE * (PIECES - 1))),
    );
    assert!(last.expect(206).body == piece, "the last MiB is another one");
    let peak = server.peak_memory_bytes();
    assert!(peak < 300 << 20, "{} MiB of memory were used", peak >> 20);
}
