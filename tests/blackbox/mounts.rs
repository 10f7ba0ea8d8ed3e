//! Cross-repository mounts.

use crate::support::content::{sha256, sha512};
use crate::support::{Blob, Request, Response, Server};

fn mount(server: &Server, repository: &str, query: &str) -> Response {
    server.send(Request::post(format!("/v2/{repository}/blobs/uploads/?{query}")))
}

/// An upload that was opened because nothing could be mounted.
#[track_caller]
fn check_opened(server: &Server, answer: Response) {
    let answer = answer.expect(202);
    assert_eq!(answer.the("range"), "0-0");
    assert!(!answer.the("docker-upload-uuid").is_empty());
    server.close_upload(&answer.location(), &sha256(b"pushed instead"), b"pushed instead").expect(201);
}

#[test]
fn a_blob_is_mounted_from_another_repository() {
    let server = Server::start();
    let blob = Blob::random(100, 1000);
    server.push_blob("team/source", &blob);
    for (target, query) in [
        ("team/told", format!("mount={}&from=team/source", blob.digest)),
        ("team/escaped", format!("mount={}&from=team%2Fsource", blob.digest.replace(':', "%3A"))),
        ("team/turned", format!("from=team/source&mount={}", blob.digest)),
        ("team/untold", format!("mount={}", blob.digest)),
    ] {
        let answer = mount(&server, target, &query).expect(201);
        assert_eq!(answer.location(), format!("/v2/{target}/blobs/{}", blob.digest));
        assert_eq!(answer.the("docker-content-digest"), blob.digest);
        assert_eq!(answer.the("content-length"), "0");
        server.check_blob(target, &blob);
    }
    // The mount stands on its own.
    server.delete(&format!("/v2/team/source/blobs/{}", blob.digest)).expect(202);
    server.check_blob("team/told", &blob);
}

#[test]
fn what_can_not_be_mounted_becomes_an_upload() {
    let server = Server::start();
    let blob = Blob::random(101, 1000);
    server.push_blob("team/source", &blob);
    server.push_blob("team/other", &Blob::new("x"));
    for query in [
        format!("mount={}&from=team/other", blob.digest),
        format!("mount={}&from=no/such", blob.digest),
        format!("mount={}&from=Bad//Name", blob.digest),
        format!("mount={}&from=..%2F..", blob.digest),
        format!("mount={}&from=team/source", sha256(b"absent")),
        format!("mount={}&from=team/source", sha512(b"absent")),
        "mount=sha256:short&from=team/source".to_owned(),
        "mount=&from=team/source".to_owned(),
        format!("mount={}", sha256(b"absent")),
        "from=team/source".to_owned(),
    ] {
        let answer = mount(&server, "team/target", &query);
        assert_eq!(answer.status, 202, "{query}: {answer}");
        check_opened(&server, answer);
    }
    server.get(&format!("/v2/team/target/blobs/{}", blob.digest)).expect(404);
}

#[test]
fn a_blob_is_mounted_by_its_sha512() {
    let server = Server::start();
    let blob = Blob::random(102, 1000);
    let long = sha512(&blob.bytes);
    let location = server.start_upload("team/source");
    server.close_upload(&location, &long, &blob.bytes).expect(201);
    let answer = mount(&server, "team/target", &format!("mount={long}&from=team/source")).expect(201);
    assert_eq!(answer.the("docker-content-digest"), long);
    assert!(server.get(&answer.location()).expect(200).body == blob.bytes);
}

#[test]
fn a_mount_onto_itself_is_fine() {
    let server = Server::start();
    let blob = Blob::random(103, 1000);
    server.push_blob("team/app", &blob);
    mount(&server, "team/app", &format!("mount={}&from=team/app", blob.digest)).expect(201);
    server.check_blob("team/app", &blob);
}
