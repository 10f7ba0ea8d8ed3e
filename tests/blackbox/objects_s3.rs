//! A registry in an S3 bucket.

use crate::support::image::{OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use crate::support::layout::{Layout, real_image};
use crate::support::push::strings;
use crate::support::server::Program;
use crate::support::stores::{BUCKET, Store};
use crate::support::tools::{self, run};
use crate::support::{Blob, Image, Server, sha512};

/// Blobs come through the registry, for the test to see them.
pub const NO_REDIRECT: &str = "  redirect:\n    disable: true\n";

/// A server on the bucket.
#[track_caller]
pub fn serve(program: Program, store: &Store) -> Server {
    Server::setup_of(program).config_text(&store.s3_config(NO_REDIRECT)).start()
}

#[test]
fn images_go_into_a_bucket_and_come_back() {
    let store = Store::s3();
    let server = serve(Program::Wharf, &store);
    server.wait_for_log(&format!("storing in the S3 bucket http://{}/{BUCKET}", store.address()));
    let (oci, docker) = (Image::oci(1000), Image::docker(1001));
    server.push_image("library/app", "oci", &oci);
    server.push_image("library/app", "docker", &docker);
    server.put_manifest("library/app", "index", &crate::support::image::index(OCI_INDEX, &[&oci.manifest])).expect(201);
    server.check_image("library/app", "oci", &oci);
    server.check_image("library/app", "docker", &docker);
    assert_eq!(server.tags("library/app"), ["docker", "index", "oci"]);
    assert_eq!(strings(&server.get("/v2/_catalog").expect(200).json()["repositories"]), ["library/app"]);
    let blob = Blob::random(1002, 70_000);
    server.push_blob("library/app", &blob);
    let part = server.get(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(200);
    assert!(part.body == blob.bytes);
    server.delete("/v2/library/app/manifests/docker").expect(202);
    assert_eq!(server.tags("library/app"), ["index", "oci"]);
    let again = serve(Program::Wharf, &store);
    again.check_image("library/app", "oci", &oci);
    again.get("/v2/library/app/manifests/docker").expect_error(404, "MANIFEST_UNKNOWN");
    assert!(!store.files().join("wharf/probe").exists(), "the check at start has left something");
}

#[test]
fn real_clients_push_and_pull_through_a_bucket() {
    let store = Store::s3();
    let server = serve(Program::Wharf, &store);
    let image = real_image(1010, &[6 << 20, 5], "amd64", [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER]);
    let layout = server.directory().join("layout");
    Layout::new().image(&image).tag("v1", &image.manifest).write(&layout);
    let name = format!("{}/library/real", server.host());
    let mut skopeo = tools::command(&tools::skopeo(), server.directory());
    skopeo.args(["--insecure-policy", "copy", "--dest-tls-verify=false"]);
    run(skopeo.args([format!("oci:{}:v1", layout.display()), format!("docker://{name}:v1")]));
    let mut crane = tools::command(&tools::crane(), server.directory());
    run(crane.args(["validate", "--insecure", "--remote", &format!("{name}:v1")]));
    let mut crane = tools::command(&tools::crane(), server.directory());
    run(crane.args(["copy", "--insecure", &format!("{name}:v1"), &format!("{}/other/copy:v2", server.host())]));
    server.check_image("other/copy", "v2", &image);
}

#[test]
fn a_bucket_is_exchanged_with_distribution_both_ways() {
    let store = Store::s3();
    let (theirs, ours, deleted) = (Image::docker(1020), Image::oci(1021), Image::docker(1022));
    let long = Blob::random(1023, 9000);
    let distribution = serve(Program::Distribution, &store);
    distribution.push_image("library/app", "theirs", &theirs);
    distribution.push_image("library/app", "deleted", &deleted);
    let location = distribution.start_upload("library/app");
    distribution.close_upload(&location, &sha512(&long.bytes), &long.bytes).expect(201);
    let wharf = serve(Program::Wharf, &store);
    wharf.check_image("library/app", "theirs", &theirs);
    wharf.get(&format!("/v2/library/app/blobs/{}", sha512(&long.bytes))).expect(200);
    wharf.push_image("library/app", "ours", &ours);
    wharf.push_image("deep/er/name", "copy", &theirs);
    wharf.delete(&format!("/v2/library/app/manifests/{}", deleted.manifest.digest)).expect(202);
    drop(distribution);
    let distribution = serve(Program::Distribution, &store);
    distribution.check_image("library/app", "ours", &ours);
    distribution.check_image("deep/er/name", "copy", &theirs);
    distribution.get(&format!("/v2/library/app/manifests/{}", deleted.manifest.digest)).expect(404);
    let mut tags = distribution.tags("library/app");
    tags.sort();
    assert_eq!(tags, ["ours", "theirs"]);
    distribution.push_image("library/app", "again", &deleted);
    wharf.check_image("library/app", "again", &deleted);
}

#[test]
fn what_nothing_uses_is_collected_from_a_bucket() {
    let store = Store::s3();
    let mut server = serve(Program::Wharf, &store);
    let (kept, gone) = (Image::oci(1030), Image::oci(1032));
    server.push_image("library/app", "kept", &kept);
    server.push_image("library/app", "gone", &gone);
    server.delete(&format!("/v2/library/app/manifests/{}", gone.manifest.digest)).expect(202);
    server.kill();
    let stored = |digest: &str| {
        let hex = &digest["sha256:".len()..];
        store.files().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])).exists()
    };
    let dry = server.garbage_collect(&["--dry-run"]);
    assert!(dry.contains(&format!("blob eligible for deletion: {}", gone.manifest.digest)), "{dry}");
    assert!(gone.blobs().all(|blob| stored(&blob.digest)), "a dry run has deleted something");
    server.garbage_collect(&[]);
    assert!(!gone.blobs().any(|blob| stored(&blob.digest)), "something takes up space");
    server.restart();
    server.check_image("library/app", "kept", &kept);
}
