//! Deleting tags and manifests, and servers that do not let anything be deleted or written.

use crate::support::image::{OCI_INDEX, index};
use crate::support::{Blob, Image, Request, Server, sha256};

fn with_tags(tags: &[&str]) -> (Server, Image) {
    let server = Server::start();
    let image = Image::oci(50);
    server.push_blobs("team/app", &image);
    for tag in tags {
        server.put_manifest("team/app", tag, &image.manifest).expect(201);
    }
    (server, image)
}

#[test]
fn a_deleted_tag_is_gone_and_its_manifest_stays() {
    let (server, image) = with_tags(&["a", "b"]);
    server.delete("/v2/team/app/manifests/a").expect(202);
    server.get("/v2/team/app/manifests/a").expect_error(404, "MANIFEST_UNKNOWN");
    server.head("/v2/team/app/manifests/a").expect(404);
    server.delete("/v2/team/app/manifests/a").expect_error(404, "MANIFEST_UNKNOWN");
    assert_eq!(server.tags("team/app"), ["b"]);
    server.check_manifest("team/app", &image.manifest.digest, &image.manifest);
    server.check_manifest("team/app", "b", &image.manifest);
}

#[test]
fn a_tag_can_be_deleted_pushed_and_deleted_again() {
    let (server, image) = with_tags(&["a"]);
    for _ in 0..3 {
        server.delete("/v2/team/app/manifests/a").expect(202);
        server.head("/v2/team/app/manifests/a").expect(404);
        server.put_manifest("team/app", "a", &image.manifest).expect(201);
        server.head("/v2/team/app/manifests/a").expect(200);
    }
}

#[test]
fn deleting_a_manifest_takes_every_tag_that_points_at_it() {
    let (server, image) = with_tags(&["a", "b", "c"]);
    let other = Image::oci(51);
    server.push_image("team/app", "b", &other);
    server.delete(&format!("/v2/team/app/manifests/{}", image.manifest.digest)).expect(202);
    for reference in ["a", "c", &image.manifest.digest] {
        server.get(&format!("/v2/team/app/manifests/{reference}")).expect_error(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(server.tags("team/app"), ["b"]);
    server.check_image("team/app", "b", &other);
    let again = server.delete(&format!("/v2/team/app/manifests/{}", image.manifest.digest));
    again.expect_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn deleting_an_index_keeps_its_children() {
    let (server, image) = with_tags(&["child"]);
    let parent = index(OCI_INDEX, &[&image.manifest]);
    server.put_manifest("team/app", "parent", &parent).expect(201);
    server.delete(&format!("/v2/team/app/manifests/{}", parent.digest)).expect(202);
    server.check_image("team/app", "child", &image);
}

#[test]
fn a_manifest_deleted_here_stays_in_other_repositories() {
    let (server, image) = with_tags(&["a"]);
    server.push_image("team/other", "a", &image);
    server.delete(&format!("/v2/team/app/manifests/{}", image.manifest.digest)).expect(202);
    server.check_image("team/other", "a", &image);
}

#[test]
fn a_manifest_known_by_sha512_is_deleted_by_it() {
    let (server, image) = with_tags(&[]);
    let long = image.manifest.sha512();
    server.put_manifest("team/app", &format!("{long}?tag=long"), &image.manifest).expect(201);
    server.delete(&format!("/v2/team/app/manifests/{long}")).expect(202);
    server.get(&format!("/v2/team/app/manifests/{long}")).expect(404);
    server.get("/v2/team/app/manifests/long").expect(404);
}

#[test]
fn deleting_what_never_was_is_404() {
    let (server, _) = with_tags(&["a"]);
    for path in [
        "/v2/team/app/manifests/absent".to_owned(),
        format!("/v2/team/app/manifests/{}", sha256(b"absent")),
        "/v2/no/such/manifests/latest".to_owned(),
        format!("/v2/no/such/manifests/{}", sha256(b"absent")),
    ] {
        server.delete(&path).expect_error(404, "MANIFEST_UNKNOWN");
    }
}

#[test]
fn disabled_deletes_are_405_unsupported() {
    let server = Server::setup().delete(false).start();
    let image = Image::oci(52);
    server.push_image("team/app", "latest", &image);
    for path in [
        "/v2/team/app/manifests/latest".to_owned(),
        format!("/v2/team/app/manifests/{}", image.manifest.digest),
        format!("/v2/team/app/blobs/{}", image.layers[0].digest),
    ] {
        server.delete(&path).expect_error(405, "UNSUPPORTED");
    }
    server.check_image("team/app", "latest", &image);
    // An upload may be cancelled all the same.
    let location = server.start_upload("team/app");
    server.delete(&location).expect(204);
}

#[test]
fn a_read_only_server_reads_and_refuses_to_write() {
    let mut server = Server::start();
    let image = Image::oci(53);
    server.push_image("team/app", "latest", &image);
    let upload = server.start_upload("team/app");
    server.kill();
    let server = server.its_setup().storage("maintenance:\n  readonly:\n    enabled: true").start();
    server.check_image("team/app", "latest", &image);
    assert_eq!(server.tags("team/app"), ["latest"]);
    let writes = [
        Request::put("/v2/team/app/manifests/new")
            .content_type(&image.manifest.media_type)
            .body(image.manifest.bytes.clone()),
        Request::delete("/v2/team/app/manifests/latest"),
        Request::delete(format!("/v2/team/app/blobs/{}", image.layers[0].digest)),
        Request::post("/v2/team/app/blobs/uploads/"),
        Request::patch(&upload).body("x"),
        Request::put(format!("{upload}&digest={}", Blob::new("").digest)).body(""),
        Request::delete(&upload),
    ];
    for request in writes {
        let answer = server.send(request).expect(405);
        let allow = answer.the("allow");
        assert!(!["PUT", "POST", "PATCH", "DELETE"].iter().any(|method| allow.contains(method)), "Allow: {allow}");
    }
    server.check_image("team/app", "latest", &image);
}
