//! `kill -9` at many points of a push. What was acknowledged must be there and whole; an upload must go on or be gone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::http::with_query;
use crate::support::{Blob, Image, Request, Response, Server};

const ROUNDS: u64 = 40;

/// What the server has acknowledged.
#[derive(Default)]
struct Acknowledged {
    blobs: Vec<Blob>,
    /// Digest-addressed and tagged images, with the tag.
    images: Vec<(String, Image)>,
    /// The last upload: its location, its content, and how much of it was acknowledged.
    upload: Option<(String, Blob, usize)>,
}

/// Sends a request to a server that may be killed meanwhile.
fn send(server: &Server, request: Request) -> Option<Response> {
    let stream = std::net::TcpStream::connect(server.address()).ok()?;
    stream.set_read_timeout(Some(crate::support::http::PATIENCE)).ok()?;
    let mut connection = crate::support::Connection::over(Box::new(stream), &server.host());
    connection.try_send(&request).ok()
}

/// Pushes one image after the other until the server is gone, and notes every acknowledgement.
fn push_until_killed(server: &Server, seed: u64, steps: &AtomicU64, notes: &Mutex<Acknowledged>) -> Option<()> {
    let send = |server: &Server, request: Request| {
        let answer = send(server, request);
        steps.fetch_add(1, Ordering::Relaxed);
        answer
    };
    for at in 0.. {
        let image = Image::oci(seed * 1000 + at);
        for blob in image.blobs() {
            let opened = send(server, Request::post("/v2/team/app/blobs/uploads/"))?.expect(202).location();
            notes.lock().unwrap().upload = Some((opened.clone(), blob.clone(), 0));
            let (first, rest) = blob.bytes.split_at(blob.bytes.len() / 2);
            let patched = send(server, Request::patch(opened).body(first))?.expect(202).location();
            notes.lock().unwrap().upload = Some((patched.clone(), blob.clone(), first.len()));
            let target = with_query(&patched, &format!("digest={}", blob.digest));
            send(server, Request::put(target).body(rest))?.expect(201);
            let mut notes = notes.lock().unwrap();
            notes.upload = None;
            notes.blobs.push(blob.clone());
        }
        let tag = format!("t{}", at % 3);
        let put = Request::put(format!("/v2/team/app/manifests/{tag}")).content_type(&image.manifest.media_type);
        send(server, put.body(image.manifest.bytes.clone()))?.expect(201);
        notes.lock().unwrap().images.push((tag, image));
    }
    None
}

/// Everything acknowledged in this life of the server is there after its death.
fn check(server: &Server, notes: &Acknowledged) {
    notes.blobs.iter().for_each(|blob| server.check_blob("team/app", blob));
    for (_, image) in &notes.images {
        server.check_image("team/app", &image.manifest.digest, image);
    }
    // A tag shows its last acknowledged image, or the one that was being pushed: never an error, never half of one.
    for tag in ["t0", "t1", "t2"] {
        if notes.images.iter().any(|(name, _)| name == tag) {
            let answer = server.get(&format!("/v2/team/app/manifests/{tag}")).expect(200);
            assert_eq!(crate::support::sha256(&answer.body), answer.the("docker-content-digest"));
        }
    }
    if let Some((location, blob, acknowledged)) = &notes.upload {
        continue_upload(server, location, blob, *acknowledged);
    }
}

/// The upload that the server died in goes on where it says, or it had been closed already.
fn continue_upload(server: &Server, location: &str, blob: &Blob, acknowledged: usize) {
    let status = server.get(location);
    if status.status == 404 {
        // The closing PUT was through, and only its answer was lost.
        server.check_blob("team/app", blob);
        return;
    }
    let range = status.expect(204);
    let have = match range.the("range") {
        // Nothing, or one byte. On files, the one way to lose more is that the bytes are in their last place already and only the link
        // to them was not made, so that the client has to start over.
        "0-0" if acknowledged > 1 => {
            let hex = &blob.digest["sha256:".len()..];
            let path = server.data().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
            assert!(std::fs::read(path).unwrap() == blob.bytes, "{acknowledged} acknowledged bytes are lost");
            0
        }
        "0-0" => acknowledged,
        text => text["0-".len()..].parse::<usize>().unwrap() + 1,
    };
    assert!(have == 0 || have >= acknowledged, "{acknowledged} bytes were acknowledged, {have} are there");
    assert!(have <= blob.bytes.len());
    server.close_upload(&range.location(), &blob.digest, &blob.bytes[have..]).expect(201);
    server.check_blob("team/app", blob);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let mut server = Server::start();
    let pushed = survive_kills(&mut server, ROUNDS);
    assert!(pushed > 50, "only {pushed} blobs were pushed in all: the kills came too early to mean anything");
    // Nothing that was left behind keeps a collection from working.
    server.kill();
    server.upkeep("verify", &[]);
    server.garbage_collect(&["--quiet"]);
    server.upkeep("verify", &[]);
    server.restart();
    server.get("/v2/team/app/tags/list").expect(200);
}

/// Kills a server so often while images are pushed to it, and looks each time for what it had acknowledged. Gives how many
/// blobs were pushed.
#[track_caller]
pub fn survive_kills(server: &mut Server, rounds: u64) -> usize {
    let mut pushed = 0;
    for round in 0..rounds {
        let (steps, notes) = (AtomicU64::new(0), Mutex::new(Acknowledged::default()));
        let pid = server.pid();
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| push_until_killed(server, round + 1, &steps, &notes));
            // After another number of steps in each round, and another moment within the step.
            while steps.load(Ordering::Relaxed) < round * 7 % 29 && !pusher.is_finished() {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_micros(round * 373 % 3000));
            crate::support::server::kill_hard(pid);
        });
        server.restart();
        let notes = notes.into_inner().unwrap();
        pushed += notes.blobs.len();
        check(server, &notes);
    }
    pushed
}

#[test]
fn a_large_chunk_that_was_being_sent_when_the_server_died_is_continued() {
    let mut server = Server::start();
    let blob = Blob::random(5_000_000, 12 << 20);
    for round in 0..8_usize {
        let repository = format!("team/large{round}");
        let location = server.start_upload(&repository);
        let sent = (round + 1) * blob.bytes.len() / 9;
        let request = Request::patch(&location).header("Content-Length", blob.bytes.len().to_string());
        let mut connection = server.connect();
        connection.write(&request.encode_head(&server.host())).unwrap();
        connection.write(&blob.bytes[..sent]).unwrap();
        server.restart();
        let status = server.get(&location).expect(204);
        let have = match status.the("range") {
            "0-0" => 0,
            text => text["0-".len()..].parse::<usize>().unwrap() + 1,
        };
        assert!(have <= sent, "{have} bytes are there of {sent} sent");
        server.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).expect(404);
        let range = format!("{have}-{}", blob.bytes.len() - 1);
        let rest = Request::patch(status.location()).header("Content-Range", range).body(&blob.bytes[have..]);
        let next = server.send(rest).expect(202).location();
        server.close_upload(&next, &blob.digest, b"").expect(201);
        server.check_blob(&repository, &blob);
    }
    server.upkeep("verify", &[]);
}

#[test]
fn an_upload_that_is_older_than_allowed_is_purged() {
    let mut server = Server::start();
    let location = server.patch(&server.start_upload("team/app"), b"left behind").expect(202).location();
    let young = server.start_upload("team/app");
    let uploads = server.data().join("docker/registry/v2/repositories/team/app/_uploads");
    let id = location.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let started = uploads.join(&id).join("startedat");
    assert!(started.exists(), "the upload has no startedat");
    server.kill();
    std::fs::write(&started, "2020-01-01T00:00:00Z").unwrap();
    let told = server.upkeep("purge-uploads", &["--age", "1h", "--dry-run"]);
    assert!(told.contains(&id), "{told}");
    assert!(started.exists(), "a dry run has deleted something");
    server.upkeep("purge-uploads", &["--age", "1h"]);
    assert!(!uploads.join(&id).exists(), "the upload is still there");
    server.restart();
    server.get(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.get(&young).expect(204);
}
