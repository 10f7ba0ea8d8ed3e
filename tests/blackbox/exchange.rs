//! Data directories that Wharf and `distribution` hand to each other.

use std::path::Path;

use crate::support::image::{DOCKER_LIST, OCI_INDEX, empty, index, referrer};
use crate::support::push::strings;
use crate::support::{Blob, Image, Manifest, Program, Server, sha512};

/// A registry's content, made so that every kind of entry occurs.
struct Content {
    oci: Image,
    docker: Image,
    moved: Image,
    deleted: Image,
    index: Manifest,
    list: Manifest,
    long: Blob,
}

impl Content {
    fn new(seed: u64) -> Self {
        let (oci, docker) = (Image::oci(seed), Image::docker(seed + 1));
        let index = index(OCI_INDEX, &[&oci.manifest]);
        let list = crate::support::image::index(DOCKER_LIST, &[&docker.manifest]);
        let (moved, deleted) = (Image::docker(seed + 2), Image::docker(seed + 3));
        Self { oci, docker, moved, deleted, index, list, long: Blob::random(seed + 4, 4000) }
    }

    /// Writes everything through the API of whatever server this is.
    fn push(&self, server: &Server) {
        server.push_image("library/app", "oci", &self.oci);
        server.push_image("library/app", "docker", &self.docker);
        server.put_manifest("library/app", "index", &self.index).expect(201);
        server.put_manifest("library/app", "list", &self.list).expect(201);
        server.push_image("library/app", "moving", &self.deleted);
        server.push_image("library/app", "moving", &self.moved);
        server.push_image("other/deep/path", "latest", &self.docker);
        server.delete(&format!("/v2/library/app/manifests/{}", self.deleted.manifest.digest)).expect(202);
        // Something unfinished.
        server.patch(&server.start_upload("library/app"), b"half").expect(202);
    }

    /// Pushes a blob under its SHA-512. Not a part of [`Content::push`], because the collection of `distribution` fails over it,
    /// whoever has written it.
    fn push_long(&self, server: &Server) {
        let location = server.start_upload("library/app");
        server.close_upload(&location, &sha512(&self.long.bytes), &self.long.bytes).expect(201);
    }

    /// Reads everything through the API of whatever server this is.
    #[track_caller]
    fn check(&self, server: &Server) {
        server.check_image("library/app", "oci", &self.oci);
        server.check_image("library/app", "docker", &self.docker);
        server.check_manifest("library/app", "index", &self.index);
        server.check_manifest("library/app", &self.list.digest, &self.list);
        server.check_image("library/app", "moving", &self.moved);
        server.check_image("other/deep/path", "latest", &self.docker);
        server.get(&format!("/v2/library/app/manifests/{}", self.deleted.manifest.digest)).expect(404);
        // 2.8 lists tags as the disk does.
        let mut tags = server.tags("library/app");
        tags.sort();
        assert_eq!(tags, ["docker", "index", "list", "moving", "oci"]);
        let catalog = server.get("/v2/_catalog").expect(200).json();
        assert_eq!(strings(&catalog["repositories"]), ["library/app", "other/deep/path"]);
    }

    /// The blob is there under the digest that it was pushed with, and under the one that it is stored under.
    #[track_caller]
    fn check_long(&self, server: &Server) {
        for digest in [sha512(&self.long.bytes), self.long.digest.clone()] {
            let answer = server.get(&format!("/v2/library/app/blobs/{digest}")).expect(200);
            assert!(answer.body == self.long.bytes, "{digest}");
        }
    }
}

fn stored(data: &Path, digest: &str) -> bool {
    let hex = &digest["sha256:".len()..];
    data.join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])).exists()
}

/// Serves the same directory with another program.
fn hand_over(mut from: Server, to: Program) -> Server {
    from.kill();
    Server::setup_of(to).data(from.data()).keeping(&from).start()
}

fn there_and_back(other: Program, seed: u64) {
    let (theirs, ours) = (Content::new(seed), Image::docker(seed + 50));
    let server = Server::setup_of(other).start();
    theirs.push(&server);
    theirs.push_long(&server);
    theirs.check(&server);
    let server = hand_over(server, Program::Wharf);
    theirs.check(&server);
    theirs.check_long(&server);
    server.push_image("library/app", "ours", &ours);
    server.put_manifest("library/app", "moving", &ours.manifest).expect(201);
    server.delete("/v2/library/app/manifests/index").expect(202);
    // What the other one has deduplicated or mounted is one blob for both.
    server.push_image("third/copy", "latest", &theirs.docker);
    let server = hand_over(server, other);
    server.check_image("library/app", "ours", &ours);
    server.check_image("library/app", "moving", &ours);
    server.check_image("third/copy", "latest", &theirs.docker);
    server.check_image("library/app", &theirs.moved.manifest.digest, &theirs.moved);
    let mut tags = server.tags("library/app");
    tags.sort();
    assert_eq!(tags, ["docker", "list", "moving", "oci", "ours"]);
    server.push_image("library/app", "theirs-again", &theirs.moved);
    let server = hand_over(server, Program::Wharf);
    server.check_image("library/app", "theirs-again", &theirs.moved);
}

#[test]
fn a_directory_of_distribution_is_served_and_handed_back() {
    there_and_back(Program::Distribution, 300);
}

#[test]
fn a_directory_of_docker_registry_2_8_is_served_and_handed_back() {
    there_and_back(Program::DockerRegistry, 400);
}

#[test]
fn a_directory_of_ours_is_served_by_both() {
    let content = Content::new(500);
    let server = Server::start();
    content.push(&server);
    content.push_long(&server);
    content.check(&server);
    content.check_long(&server);
    for program in [Program::Distribution, Program::DockerRegistry] {
        let other = Server::setup_of(program).data(server.data()).start();
        content.check(&other);
        content.check_long(&other);
    }
}

#[test]
fn a_tag_deleted_by_distribution_is_gone_here() {
    let server = Server::setup_of(Program::Distribution).start();
    let image = Image::docker(600);
    server.push_image("library/app", "a", &image);
    server.push_image("library/app", "b", &image);
    server.delete("/v2/library/app/manifests/a").expect(202);
    let server = hand_over(server, Program::Wharf);
    assert_eq!(server.tags("library/app"), ["b"]);
    server.get("/v2/library/app/manifests/a").expect(404);
    server.delete(&format!("/v2/library/app/manifests/{}", image.manifest.digest)).expect(202);
    let server = hand_over(server, Program::Distribution);
    server.get("/v2/library/app/manifests/b").expect(404);
    // A repository without tags is unknown to `distribution` when the directory for them is gone, and empty otherwise.
    let list = server.get("/v2/library/app/tags/list");
    assert!(list.status == 404 || strings(&list.json()["tags"]).is_empty(), "{list}");
}

#[test]
fn an_upload_begun_by_distribution_is_continued_or_refused_but_never_corrupted() {
    let server = Server::setup_of(Program::Distribution).start();
    let blob = Blob::random(610, 5000);
    let location = server.patch(&server.start_upload("library/app"), &blob.bytes[..2000]).expect(202).location();
    let path = location.split_once('?').expect("a token").0.to_owned();
    let server = hand_over(server, Program::Wharf);
    let status = server.get(&path);
    if status.status == 204 {
        let have = if status.the("range") == "0-1999" { 2000 } else { 0 };
        server.close_upload(&status.location(), &blob.digest, &blob.bytes[have..]).expect(201);
        server.check_blob("library/app", &blob);
    } else {
        status.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[test]
fn our_collection_keeps_what_theirs_needs() {
    let content = Content::new(620);
    let server = Server::setup_of(Program::Distribution).start();
    content.push(&server);
    let mut server = hand_over(server, Program::Wharf);
    server.kill();
    let dry = server.garbage_collect(&["--dry-run"]);
    assert!(dry.contains(&format!("blob eligible for deletion: {}", content.deleted.manifest.digest)), "{dry}");
    assert!(stored(server.data(), &content.deleted.manifest.digest), "a dry run has deleted something");
    server.garbage_collect(&[]);
    for blob in content.deleted.blobs() {
        assert!(!stored(server.data(), &blob.digest), "{} takes up space", blob.digest);
    }
    let server = hand_over(server, Program::Distribution);
    content.check(&server);
}

#[test]
fn their_collection_keeps_what_ours_needs() {
    for program in [Program::Distribution, Program::DockerRegistry] {
        let content = Content::new(630);
        let server = Server::start();
        content.push(&server);
        let mut server = hand_over(server, program);
        server.kill();
        server.garbage_collect(&[]);
        assert!(!stored(server.data(), &content.deleted.layers[0].digest));
        let server = hand_over(server, Program::Wharf);
        content.check(&server);
    }
}

#[test]
fn a_collection_keeps_children_referrers_and_long_digests() {
    let mut server = Server::start();
    let (child, subject) = (Image::oci(640), Image::oci(642));
    let parent = index(OCI_INDEX, &[&child.manifest]);
    server.push_image("library/app", &child.manifest.digest, &child);
    server.put_manifest("library/app", "parent", &parent).expect(201);
    server.push_image("library/app", "subject", &subject);
    server.push_blob("library/app", &empty());
    let signature = referrer(&subject.manifest, "application/x-signature", "kept");
    server.put_manifest("library/app", &signature.digest, &signature).expect(201);
    // An image whose layer is named by its SHA-512.
    let layer = Blob::random(644, 900);
    let location = server.start_upload("library/app");
    server.close_upload(&location, &sha512(&layer.bytes), &layer.bytes).expect(201);
    let mut json = subject.manifest.json();
    json["layers"][0]["digest"] = serde_json::json!(sha512(&layer.bytes));
    let long = Manifest::new(&subject.manifest.media_type, &json);
    server.put_manifest("library/app", "long", &long).expect(201);
    let untagged = Image::oci(646);
    server.push_image("library/app", &untagged.manifest.digest, &untagged);
    server.kill();
    server.garbage_collect(&["--delete-untagged", "--quiet"]);
    server.restart();
    server.check_manifest("library/app", "parent", &parent);
    server.check_image("library/app", &child.manifest.digest, &child);
    server.check_image("library/app", "subject", &subject);
    server.check_manifest("library/app", &signature.digest, &signature);
    let answer = server.get(&format!("/v2/library/app/blobs/{}", sha512(&layer.bytes))).expect(200);
    assert!(answer.body == layer.bytes);
    server.get(&format!("/v2/library/app/manifests/{}", untagged.manifest.digest)).expect(404);
    assert!(!stored(server.data(), &untagged.layers[0].digest));
}
