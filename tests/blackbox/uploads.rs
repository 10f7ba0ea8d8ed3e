//! Uploads: opening, status, closing, cancelling, and the token that names them.

use crate::support::content::{sha256, sha512};
use crate::support::http::with_query;
use crate::support::{Blob, Request, Response, Server};

const UPLOADS: &str = "/v2/team/app/blobs/uploads/";

/// What the answer to every step of an upload holds.
#[track_caller]
fn check_session(answer: &Response, range: &str) -> String {
    let id = answer.the("docker-upload-uuid").to_owned();
    assert!(
        answer.location().starts_with(&format!("{UPLOADS}{id}")),
        "Location and Docker-Upload-UUID differ: {answer}"
    );
    assert_eq!(answer.the("range"), range);
    id
}

#[test]
fn an_upload_goes_from_post_over_patch_and_status_to_put() {
    let server = Server::start();
    let blob = Blob::random(60, 3000);
    let opened = server.send(Request::post(UPLOADS)).expect(202);
    assert_eq!(opened.the("content-length"), "0");
    let id = check_session(&opened, "0-0");
    let first = server.patch(&opened.location(), &blob.bytes[..1000]).expect(202);
    assert_eq!(first.the("content-length"), "0");
    assert_eq!(check_session(&first, "0-999"), id);
    let status = server.get(&first.location()).expect(204);
    assert_eq!(check_session(&status, "0-999"), id);
    assert_eq!(server.head(&first.location()).expect(204).the("range"), "0-999");
    let second = server.patch(&status.location(), &blob.bytes[1000..2999]).expect(202);
    assert_eq!(check_session(&second, "0-2998"), id);
    server.get(&format!("/v2/team/app/blobs/{}", blob.digest)).expect(404);
    let closed = server.close_upload(&second.location(), &blob.digest, &blob.bytes[2999..]).expect(201);
    assert_eq!(closed.location(), format!("/v2/team/app/blobs/{}", blob.digest));
    assert_eq!(closed.the("docker-content-digest"), blob.digest);
    assert_eq!(closed.the("content-length"), "0");
    server.check_blob("team/app", &blob);
    server.get(&second.location()).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn a_blob_is_pushed_by_post_and_put() {
    let server = Server::start();
    for blob in [Blob::random(61, 100_000), Blob::new("{}"), Blob::new("")] {
        let location = server.start_upload("team/app");
        let closed = server.close_upload(&location, &blob.digest, &blob.bytes).expect(201);
        assert!(server.get(&closed.location()).expect(200).body == blob.bytes);
    }
}

#[test]
fn a_blob_is_pushed_in_a_single_post() {
    let server = Server::start();
    for blob in [Blob::random(62, 100_000), Blob::new("")] {
        let target = format!("{UPLOADS}?digest={}", blob.digest);
        let request = Request::post(target).content_type("application/octet-stream").body(blob.bytes.clone());
        let answer = server.send(request).expect(201);
        assert_eq!(answer.location(), format!("/v2/team/app/blobs/{}", blob.digest));
        assert_eq!(answer.the("docker-content-digest"), blob.digest);
        server.check_blob("team/app", &blob);
    }
    let wrong = format!("{UPLOADS}?digest={}", sha256(b"other"));
    server.send(Request::post(wrong).body("content")).expect_error(400, "DIGEST_INVALID");
    server.get(&format!("/v2/team/app/blobs/{}", sha256(b"content"))).expect(404);
    for bad in ["sha256:short", "md5:d41d8cd98f00b204e9800998ecf8427e", "nonsense", ""] {
        let target = format!("{UPLOADS}?digest={bad}");
        server.send(Request::post(target).body("content")).expect_error(400, "DIGEST_INVALID");
    }
}

#[test]
fn a_body_may_come_without_a_length() {
    let server = Server::start();
    let blob = Blob::random(63, 200_000);
    let pieces = || blob.bytes.chunks(33_333).map(<[u8]>::to_vec).collect::<Vec<_>>();
    // As docker does it: one PATCH that streams, and an empty PUT.
    let location = server.start_upload("team/docker");
    let patched = server.send(Request::patch(location).chunked(pieces())).expect(202);
    assert_eq!(patched.the("range"), "0-199999");
    server.close_upload(&patched.location(), &blob.digest, b"").expect(201);
    server.check_blob("team/docker", &blob);
    let location = server.start_upload("team/put");
    let target = with_query(&location, &format!("digest={}", blob.digest));
    server.send(Request::put(target).chunked(pieces())).expect(201);
    server.check_blob("team/put", &blob);
    let target = format!("/v2/team/post/blobs/uploads/?digest={}", blob.digest);
    server.send(Request::new("POST", target).chunked(pieces())).expect(201);
    server.check_blob("team/post", &blob);
}

#[test]
fn expect_continue_is_answered_before_the_body_is_sent() {
    let server = Server::start();
    let blob = Blob::random(64, 1000);
    let location = server.start_upload("team/app");
    let target = with_query(&location, &format!("digest={}", blob.digest));
    let request = Request::put(target).header("Expect", "100-continue").body(blob.bytes.clone());
    let mut connection = server.connect();
    connection.write(&request.encode_head(&server.host())).unwrap();
    connection.wait_for_continue();
    connection.write(&blob.bytes).unwrap();
    assert_eq!(connection.read_response(false).unwrap().status, 201);
}

#[test]
fn the_digest_is_needed_to_close() {
    let server = Server::start();
    let blob = Blob::random(65, 100);
    let location = server.patch(&server.start_upload("team/app"), &blob.bytes).expect(202).location();
    for query in ["", "digest=", "digest=sha256:short", "digest=sha256%3Ag", "digest=unknown:aaaa"] {
        let target = if query.is_empty() { location.clone() } else { with_query(&location, query) };
        server.send(Request::put(target).body("")).expect_error(400, "DIGEST_INVALID");
    }
    // A digest that can't be read is the client's slip; the upload lives on.
    let location = server.get(&location).expect(204).location();
    server.close_upload(&location, &blob.digest, b"").expect(201);
}

#[test]
fn content_that_does_not_fit_its_digest_is_never_visible() {
    let server = Server::start();
    let location = server.start_upload("team/app");
    let patched = server.patch(&location, b"content").expect(202).location();
    server.close_upload(&patched, &sha256(b"other"), b"").expect_error(400, "DIGEST_INVALID");
    for digest in [sha256(b"other"), sha256(b"content"), sha512(b"content")] {
        server.get(&format!("/v2/team/app/blobs/{digest}")).expect(404);
    }
    // Whether the upload lives on is the server's choice; if it does, it can still become right.
    match server.get(&patched).status {
        204 => {
            let location = server.get(&patched).location();
            server.close_upload(&location, &sha256(b"content"), b"").expect(201);
        }
        status => assert_eq!(status, 404),
    }
}

#[test]
fn a_cancelled_upload_is_gone() {
    let server = Server::start();
    let location = server.patch(&server.start_upload("team/app"), b"some").expect(202).location();
    let answer = server.delete(&location).expect(204);
    assert!(!answer.the("docker-upload-uuid").is_empty());
    server.get(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.delete(&location).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.patch(&location, b"more").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.close_upload(&location, &sha256(b"some"), b"").expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    let uploads = server.data().join("docker/registry/v2/repositories/team/app/_uploads");
    let left = std::fs::read_dir(uploads).map(Iterator::count).unwrap_or(0);
    assert_eq!(left, 0, "the cancelled upload has left something on disk");
}

#[test]
fn an_upload_belongs_to_its_repository() {
    let server = Server::start();
    let location = server.patch(&server.start_upload("team/app"), b"secret").expect(202).location();
    let stolen = location.replace("/v2/team/app/", "/v2/other/app/");
    for answer in [
        server.get(&stolen),
        server.patch(&stolen, b"x"),
        server.close_upload(&stolen, &sha256(b"secret"), b""),
        server.delete(&stolen),
    ] {
        assert_eq!(answer.status, 404, "{answer}");
        assert!(answer.codes()[0].starts_with("BLOB_UPLOAD_"), "{answer}");
    }
    server.get(&format!("/v2/other/app/blobs/{}", sha256(b"secret"))).expect(404);
    server.get(&location).expect(204);
}

#[test]
fn a_forged_or_stolen_token_is_refused() {
    let server = Server::start();
    let location = server.start_upload("team/app");
    let other = server.start_upload("team/app");
    let (path, query) = location.split_once('?').expect("an upload has a token");
    let (_, other_query) = other.split_once('?').expect("an upload has a token");
    assert!(query.starts_with("_state="));
    let mut turned = query.to_owned().into_bytes();
    let at = query.len() / 2;
    turned[at] = if turned[at] == b'A' { b'B' } else { b'A' };
    let turned = String::from_utf8(turned).unwrap();
    for forged in [
        other_query,
        &turned,
        "_state=",
        "_state=AAAA",
        "_state=%%%",
        &query[..query.len() - 4],
        &format!("{query}AAAA"),
    ] {
        let target = format!("{path}?{forged}");
        for answer in
            [server.patch(&target, b"x"), server.close_upload(&target, &sha256(b"x"), b"x"), server.delete(&target)]
        {
            assert!([400, 404].contains(&answer.status), "{forged}: {answer}");
        }
    }
    let status = server.get(&location).expect(204);
    assert_eq!(status.the("range"), "0-0", "a refused request has written");
}

#[test]
fn an_upload_that_never_was_is_unknown() {
    let server = Server::start();
    let id = "0b5f4b0c-7a0c-4f3e-9d2b-222222222222";
    server.get(&format!("{UPLOADS}{id}")).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    let answer = server.patch(&format!("{UPLOADS}{id}"), b"x").expect(404);
    assert!(answer.codes()[0].starts_with("BLOB_UPLOAD_"));
    for id in ["..", "%2e%2e", "a%2fb", "x y", &"u".repeat(5000)] {
        let answer = server.get(&format!("{UPLOADS}{}", id.replace(' ', "%20")));
        assert!([400, 404, 414].contains(&answer.status), "{id}: {answer}");
    }
}

#[test]
fn the_status_needs_no_token() {
    let server = Server::start();
    let location = server.patch(&server.start_upload("team/app"), b"some").expect(202).location();
    let (path, _) = location.split_once('?').expect("a token");
    let status = server.get(path).expect(204);
    check_session(&status, "0-3");
    server.patch(&status.location(), b"more").expect(202);
}

#[test]
fn an_unknown_digest_algorithm_is_refused_at_once() {
    let server = Server::start();
    for (algorithm, statuses) in [("sha256", &[202][..]), ("sha512", &[202]), ("md5", &[400]), ("%00", &[400])] {
        let answer = server.send(Request::post(format!("{UPLOADS}?digest-algorithm={algorithm}")));
        assert!(statuses.contains(&answer.status), "{algorithm}: {answer}");
    }
}

#[test]
fn an_upload_survives_a_restart() {
    let mut server = Server::start();
    let blob = Blob::random(66, 5000);
    let location = server.patch(&server.start_upload("team/app"), &blob.bytes[..2000]).expect(202).location();
    server.restart();
    assert_eq!(server.get(&location).expect(204).the("range"), "0-1999");
    let next = server.patch(&location, &blob.bytes[2000..4000]).expect(202).location();
    server.restart();
    server.close_upload(&next, &blob.digest, &blob.bytes[4000..]).expect(201);
    server.check_blob("team/app", &blob);
}

#[test]
fn an_upload_goes_on_at_another_replica() {
    let first = Server::start();
    let second = first.its_setup().start();
    let blob = Blob::random(67, 3000);
    let next = first.patch(&first.start_upload("team/app"), &blob.bytes[..1000]).expect(202).location();
    let next = second.patch(&next, &blob.bytes[1000..2000]).expect(202).location();
    let next = first.patch(&next, &blob.bytes[2000..]).expect(202).location();
    second.close_upload(&next, &blob.digest, b"").expect(201);
    first.check_blob("team/app", &blob);
}
