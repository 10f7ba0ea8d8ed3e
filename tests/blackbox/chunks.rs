//! Chunks: their order, their `Content-Range`, bodies that are cut, and several writers of one upload.

use std::net::Shutdown;

use crate::support::http::{tcp, with_query};
use crate::support::patience::wait_for;
use crate::support::{Blob, Request, Response, Server};
use std::io::Write as _;

fn chunk(server: &Server, location: &str, range: &str, bytes: &[u8]) -> Response {
    let request = Request::patch(location).content_type("application/octet-stream").header("Content-Range", range);
    server.send(request.body(bytes))
}

#[test]
fn chunks_in_order_are_taken() {
    let server = Server::start();
    let blob = Blob::random(70, 1000);
    let location = server.start_upload("team/app");
    let next = chunk(&server, &location, "0-399", &blob.bytes[..400]).expect(202);
    assert_eq!(next.the("range"), "0-399");
    let next = chunk(&server, &next.location(), "400-400", &blob.bytes[400..401]).expect(202);
    let next = chunk(&server, &next.location(), "401-899", &blob.bytes[401..900]).expect(202).location();
    let target = with_query(&next, &format!("digest={}", blob.digest));
    server.send(Request::put(target).header("Content-Range", "900-999").body(&blob.bytes[900..])).expect(201);
    server.check_blob("team/app", &blob);
}

#[test]
fn the_smallest_chunk_is_told_when_one_is_asked_for() {
    let server = Server::start();
    assert!(
        server.send(Request::post("/v2/team/app/blobs/uploads/")).expect(202).header("oci-chunk-min-length").is_none()
    );
    let server = Server::setup().env("REGISTRY_STORAGE_UPLOADS", "{chunk_bytes_min: 5MiB}").start();
    let begun = server.send(Request::post("/v2/team/app/blobs/uploads/")).expect(202);
    assert_eq!(begun.the("oci-chunk-min-length"), "5242880");
}

#[test]
fn a_chunk_out_of_order_is_416_and_says_where_to_go_on() {
    let server = Server::start();
    let blob = Blob::random(71, 1000);
    let location = server.start_upload("team/app");
    // Before anything was sent, …
    let answer = chunk(&server, &location, "100-199", &blob.bytes[100..200]).expect_error(416, "RANGE_INVALID");
    assert_eq!(answer.the("range"), "0-0");
    let next = chunk(&server, &answer.location(), "0-499", &blob.bytes[..500]).expect(202).location();
    // … with a gap, twice, and overlapping.
    for (range, bytes) in [("600-699", 600..700), ("0-499", 0..500), ("499-598", 499..599)] {
        let answer = chunk(&server, &next, range, &blob.bytes[bytes]).expect_error(416, "RANGE_INVALID");
        assert_eq!(answer.the("range"), "0-499", "{range}");
        let status = server.get(&answer.location()).expect(204);
        assert_eq!(status.the("range"), "0-499", "{range}");
    }
    let status = server.get(&next).expect(204);
    chunk(&server, &status.location(), "500-999", &blob.bytes[500..]).expect(202);
    let location = server.get(&next).expect(204).location();
    server.close_upload(&location, &blob.digest, b"").expect(201);
}

#[test]
fn a_closing_put_out_of_order_is_416_and_the_upload_lives_on() {
    let server = Server::start();
    let blob = Blob::random(72, 1000);
    let location = server.start_upload("team/app");
    let next = chunk(&server, &location, "0-499", &blob.bytes[..500]).expect(202).location();
    let target = with_query(&next, &format!("digest={}", blob.digest));
    for range in ["501-999", "0-498", "499-999"] {
        let len = if range == "0-498" { 499 } else { 1000 - range[..3].parse::<usize>().unwrap() };
        let request = Request::put(&target).header("Content-Range", range).body(&blob.bytes[1000 - len..]);
        let answer = server.send(request).expect_error(416, "RANGE_INVALID");
        assert_eq!(answer.the("range"), "0-499", "{range}");
        assert_eq!(server.get(&answer.location()).expect(204).the("range"), "0-499");
        // A client may ask with the very location of the failed request, digest and all.
        assert_eq!(server.get(&target).expect(204).the("range"), "0-499");
    }
    server.send(Request::put(&target).header("Content-Range", "500-999").body(&blob.bytes[500..])).expect(201);
    server.check_blob("team/app", &blob);
}

#[test]
fn a_content_range_that_can_not_be_read_is_400() {
    let server = Server::start();
    let location = server.start_upload("team/app");
    for range in ["0", "-", "0-", "-9", "a-b", "0-9-", "bytes=x", "0x0-0x9", " ", "0-99999999999999999999999999"] {
        let answer = chunk(&server, &location, range, b"0123456789");
        assert!([400, 416].contains(&answer.status), "{range}: {answer}");
        assert!(
            ["RANGE_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID"].contains(&answer.codes()[0].as_str()),
            "{answer}"
        );
    }
    chunk(&server, &location, "9-0", b"0123456789").expect_error(416, "RANGE_INVALID");
    assert_eq!(server.get(&location).expect(204).the("range"), "0-0");
    chunk(&server, &location, "0-9", b"0123456789").expect(202);
}

#[test]
fn a_length_that_does_not_fit_the_range_is_size_invalid() {
    let server = Server::start();
    let location = server.start_upload("team/app");
    for range in ["0-8", "0-10", "0-1000"] {
        chunk(&server, &location, range, b"0123456789").expect_error(400, "SIZE_INVALID");
    }
    assert_eq!(server.get(&location).expect(204).the("range"), "0-0");
    // Without a length the end of the body tells; what has arrived by then may stay, and the answer says how much that is.
    let chunked = Request::patch(&location).header("Content-Range", "0-10").chunked(vec![b"0123456789".to_vec()]);
    let answer = server.send(chunked);
    assert!([202, 400].contains(&answer.status), "{answer}");
    let range = server.get(&location).expect(204).the("range").to_owned();
    assert_eq!(range, if answer.status == 202 { "0-9" } else { "0-0" });
}

#[test]
fn a_body_that_is_cut_off_leaves_an_upload_that_goes_on() {
    let server = Server::start();
    let blob = Blob::random(73, 100_000);
    let location = server.start_upload("team/app");
    let request = Request::patch(&location).header("Content-Length", "100000").body(&blob.bytes[..30_000]);
    let mut stream = tcp(server.address());
    stream.write_all(&request.encode(&server.host())).unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    // What was cut off may still be on its way into the upload, so the client says where its bytes belong.
    let go_on = || {
        let status = retry_while_busy(|| server.get(&location)).expect(204);
        let have = match status.the("range") {
            "0-0" => 0,
            range => range[2..].parse::<usize>().unwrap() + 1,
        };
        assert!(have <= 30_000, "{status}");
        let answer = chunk(&server, &status.location(), &format!("{have}-99999"), &blob.bytes[have..]);
        assert!([202, 409, 416, 429, 503].contains(&answer.status), "{answer}");
        (answer.status == 202).then_some(answer)
    };
    let patched = wait_for(go_on, || server.log());
    server.close_upload(&patched.location(), &blob.digest, b"").expect(201);
    server.check_blob("team/app", &blob);
}

/// Repeats a request while the server says that somebody else has the upload.
#[track_caller]
fn retry_while_busy(mut send: impl FnMut() -> Response) -> Response {
    let free = || Some(send()).filter(|answer| ![409, 429, 503].contains(&answer.status));
    wait_for(free, || "somebody else keeps the upload".to_owned())
}

#[test]
fn a_closing_put_that_is_cut_off_closes_nothing() {
    let server = Server::start();
    let blob = Blob::random(74, 50_000);
    let location = server.start_upload("team/app");
    let target = with_query(&location, &format!("digest={}", blob.digest));
    let request = Request::put(target).header("Content-Length", "50000").body(&blob.bytes[..20_000]);
    let mut stream = tcp(server.address());
    stream.write_all(&request.encode(&server.host())).unwrap();
    drop(stream);
    server.get(&format!("/v2/team/app/blobs/{}", blob.digest)).expect(404);
    server.push_blob("team/app", &blob);
    server.check_blob("team/app", &blob);
}

#[test]
fn racing_writers_can_not_corrupt_an_upload() {
    let server = Server::start();
    for round in 0..6 {
        let blob = Blob::random(75 + round, 400_000);
        let location = server.start_upload("team/app");
        let statuses = std::thread::scope(|scope| {
            let send = || server.patch(&location, &blob.bytes).status;
            let workers = (0..6).map(|_| scope.spawn(send)).collect::<Vec<_>>();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(statuses.iter().all(|status| [202, 400, 404, 409, 416, 429, 503].contains(status)), "{statuses:?}");
        let accepted = statuses.iter().filter(|status| **status == 202).count();
        assert!(accepted >= 1, "{statuses:?}");
        let status = retry_while_busy(|| server.get(&location)).expect(204);
        let expected = blob.bytes.repeat(accepted);
        assert_eq!(status.the("range"), format!("0-{}", expected.len() - 1), "{statuses:?}");
        let whole = Blob::new(expected);
        server.close_upload(&status.location(), &whole.digest, b"").expect(201);
        server.check_blob("team/app", &whole);
    }
}

#[test]
fn racing_chunks_with_ranges_are_taken_once() {
    let server = Server::start();
    let blob = Blob::random(90, 200_000);
    let location = server.start_upload("team/app");
    let statuses = std::thread::scope(|scope| {
        let send = || chunk(&server, &location, "0-199999", &blob.bytes).status;
        let workers = (0..6).map(|_| scope.spawn(send)).collect::<Vec<_>>();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1, "{statuses:?}");
    let status = retry_while_busy(|| server.get(&location)).expect(204);
    assert_eq!(status.the("range"), "0-199999");
    server.close_upload(&status.location(), &blob.digest, b"").expect(201);
}

#[test]
fn one_closes_and_the_others_find_the_upload_gone_or_closed() {
    let server = Server::start();
    let blob = Blob::random(91, 100_000);
    let location = server.patch(&server.start_upload("team/app"), &blob.bytes).expect(202).location();
    let statuses = std::thread::scope(|scope| {
        let send = || server.close_upload(&location, &blob.digest, b"").status;
        let workers = (0..6).map(|_| scope.spawn(send)).collect::<Vec<_>>();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(statuses.contains(&201), "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 400, 404, 409, 416, 429, 503].contains(status)), "{statuses:?}");
    server.check_blob("team/app", &blob);
}

#[test]
fn the_same_blob_pushed_by_many_at_once_is_there_once() {
    let server = Server::start();
    let blob = Blob::random(92, 300_000);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| server.push_blob("team/app", &blob));
        }
    });
    server.check_blob("team/app", &blob);
}
