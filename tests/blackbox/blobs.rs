//! Pulling and deleting blobs.

use crate::support::content::{sha256, sha512};
use crate::support::http::with_query;
use crate::support::{Blob, Image, Request, Server};

#[test]
fn a_blob_comes_back_bit_for_bit_with_its_headers() {
    let server = Server::start();
    for blob in [Blob::random(1, 100_000), Blob::random(2, 1), Blob::new("")] {
        server.push_blob("team/app", &blob);
        let path = format!("/v2/team/app/blobs/{}", blob.digest);
        let answer = server.get(&path).expect(200);
        assert!(answer.body == blob.bytes);
        let head = server.head(&path).expect(200);
        for answer in [answer, head] {
            assert_eq!(answer.the("content-type"), "application/octet-stream");
            assert_eq!(answer.the("content-length"), blob.bytes.len().to_string());
            assert_eq!(answer.the("docker-content-digest"), blob.digest);
            assert_eq!(answer.the("etag"), format!("\"{}\"", blob.digest));
            assert_eq!(answer.the("cache-control"), "max-age=31536000");
            assert_eq!(answer.the("accept-ranges"), "bytes");
        }
    }
}

#[test]
fn an_absent_blob_is_404_and_a_bad_digest_400() {
    let server = Server::start();
    let absent = sha256(b"absent");
    let answer = server.get(&format!("/v2/team/app/blobs/{absent}")).expect_error(404, "BLOB_UNKNOWN");
    assert_eq!(answer.json()["errors"][0]["detail"], absent);
    server.head(&format!("/v2/team/app/blobs/{absent}")).expect(404);
    for digest in [
        "sha256:abc".to_owned(),
        format!("sha256:{}", "A".repeat(64)),
        format!("sha256:{}", "g".repeat(64)),
        format!("sha256:{}", "a".repeat(65)),
        format!("sha512:{}", "a".repeat(64)),
        format!("md5:{}", "a".repeat(32)),
    ] {
        let answer = server.get(&format!("/v2/team/app/blobs/{digest}")).expect_error(400, "DIGEST_INVALID");
        assert!(!answer.text().contains("unknown error"));
    }
}

#[test]
fn a_known_etag_is_answered_304() {
    let server = Server::start();
    let blob = Blob::random(3, 1000);
    server.push_blob("team/app", &blob);
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    let quoted = format!("\"{}\"", blob.digest);
    for value in [quoted.clone(), format!("W/{quoted}"), format!("\"other\", {quoted}"), "*".to_owned()] {
        let answer = server.send(Request::get(&path).header("If-None-Match", &value)).expect(304);
        assert!(answer.body.is_empty());
        assert_eq!(answer.the("etag"), quoted);
        server.send(Request::head(&path).header("If-None-Match", &value)).expect(304);
    }
    server.send(Request::get(&path).header("If-None-Match", "\"other\"")).expect(200);
    server.send(Request::get(&path).header("If-None-Match", "\"other\"").header("If-None-Match", &quoted)).expect(304);
}

#[test]
fn a_blob_is_served_only_by_repositories_that_link_it() {
    let server = Server::start();
    let blob = Blob::random(4, 1000);
    server.push_blob("team/private", &blob);
    server.push_image("team/public", "latest", &Image::oci(7));
    let elsewhere = server.get(&format!("/v2/team/public/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");
    let nowhere = sha256(b"nowhere");
    let absent = server.get(&format!("/v2/team/public/blobs/{nowhere}")).expect_error(404, "BLOB_UNKNOWN");
    assert_eq!(
        elsewhere.text().replace(&blob.digest, "DIGEST"),
        absent.text().replace(&nowhere, "DIGEST"),
        "the answer tells whether another repository has the blob"
    );
    server.get(&format!("/v2/no/such/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");
    server.delete(&format!("/v2/team/public/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");
    server.check_blob("team/private", &blob);
}

#[test]
fn a_manifest_is_no_blob() {
    let server = Server::start();
    let image = Image::oci(8);
    server.push_image("team/app", "latest", &image);
    server.get(&format!("/v2/team/app/blobs/{}", image.manifest.digest)).expect_error(404, "BLOB_UNKNOWN");
}

#[test]
fn a_deleted_blob_is_gone_here_and_stays_elsewhere() {
    let server = Server::start();
    let blob = Blob::random(5, 1000);
    server.push_blob("team/a", &blob);
    server.push_blob("team/b", &blob);
    let path = format!("/v2/team/a/blobs/{}", blob.digest);
    let answer = server.delete(&path).expect(202);
    assert_eq!(answer.the("content-length"), "0");
    server.get(&path).expect_error(404, "BLOB_UNKNOWN");
    server.head(&path).expect(404);
    server.delete(&path).expect_error(404, "BLOB_UNKNOWN");
    server.check_blob("team/b", &blob);
    server.push_blob("team/a", &blob);
    server.check_blob("team/a", &blob);
}

#[test]
fn a_blob_pushed_under_sha512_is_served_under_it_and_under_sha256() {
    let server = Server::start();
    let blob = Blob::random(6, 5000);
    let long = sha512(&blob.bytes);
    for (repository, query) in [("team/told", "?digest-algorithm=sha512"), ("team/untold", "")] {
        let start = Request::post(format!("/v2/{repository}/blobs/uploads/{query}"));
        let location = server.send(start).expect(202).location();
        let next = server.patch(&location, &blob.bytes[..1000]).expect(202).location();
        let next = server.patch(&next, &blob.bytes[1000..]).expect(202).location();
        let closed = server.close_upload(&next, &long, b"").expect(201);
        assert_eq!(closed.the("docker-content-digest"), long);
        let answer = server.get(&closed.location()).expect(200);
        assert!(answer.body == blob.bytes);
        for digest in [&long, &blob.digest] {
            let answer = server.get(&format!("/v2/{repository}/blobs/{digest}")).expect(200);
            assert!(answer.body == blob.bytes);
            assert_eq!(answer.the("docker-content-digest"), digest, "the digest that was asked for is told");
        }
        server.delete(&format!("/v2/{repository}/blobs/{long}")).expect(202);
        server.get(&format!("/v2/{repository}/blobs/{long}")).expect_error(404, "BLOB_UNKNOWN");
    }
    let single = with_query("/v2/team/single/blobs/uploads/", &format!("digest={long}"));
    let answer = server.send(Request::post(single).body(blob.bytes.clone())).expect(201);
    assert_eq!(answer.the("docker-content-digest"), long);
}

#[test]
fn a_sha512_that_does_not_fit_is_refused() {
    let server = Server::start();
    let location = server.start_upload("team/app");
    server.close_upload(&location, &sha512(b"other"), b"content").expect_error(400, "DIGEST_INVALID");
    server.get(&format!("/v2/team/app/blobs/{}", sha512(b"other"))).expect(404);
    server.get(&format!("/v2/team/app/blobs/{}", sha256(b"content"))).expect(404);
}
