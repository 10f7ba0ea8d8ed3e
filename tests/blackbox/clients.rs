//! The clients that people use push a real image, list it, pull it back bit for bit, and delete it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::image::{
    DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, index,
};
use crate::support::layout::{Layout, real_image};
use crate::support::tools::{self, run};
use crate::support::{Image, Manifest, Request, Server};

/// An image for two platforms, of three layers each, in an OCI layout under the name `v1`.
struct Pushed {
    images: [Image; 2],
    index: Manifest,
    layout: PathBuf,
}

fn pushed(directory: &Path, seed: u64) -> Pushed {
    let types = [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER];
    let sizes = [300_000, 10, 50_000];
    let images = [real_image(seed, &sizes, "amd64", types), real_image(seed + 1, &sizes, "arm64", types)];
    let index = index(OCI_INDEX, &[&images[0].manifest, &images[1].manifest]);
    let layout = directory.join("layout");
    let content = Layout::new().image(&images[0]).image(&images[1]).manifest(&index);
    content.tag("v1", &index).write(&layout);
    Pushed { images, index, layout }
}

/// Everything that was pushed is there as it was.
#[track_caller]
fn check_all(server: &Server, repository: &str, reference: &str, pushed: &Pushed) {
    server.check_manifest(repository, reference, &pushed.index);
    for image in &pushed.images {
        server.check_image(repository, &image.manifest.digest, image);
    }
}

/// Every blob of the image is in a layout that a client has written.
#[track_caller]
fn check_layout(layout: &Path, pushed: &Pushed) {
    let check = |digest: &str, bytes: &[u8]| {
        let path = layout.join("blobs/sha256").join(&digest["sha256:".len()..]);
        assert!(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())) == bytes, "{digest}");
    };
    check(&pushed.index.digest, &pushed.index.bytes);
    for image in &pushed.images {
        check(&image.manifest.digest, &image.manifest.bytes);
        image.blobs().for_each(|blob| check(&blob.digest, &blob.bytes));
    }
}

fn skopeo(server: &Server) -> Command {
    let mut command = tools::command(&tools::skopeo(), server.directory());
    command.arg("--insecure-policy");
    command
}

#[test]
fn skopeo_pushes_lists_pulls_and_deletes() {
    skopeo_works_with(&Server::start());
}

/// All that people do with skopeo, on a server with deletes enabled.
#[track_caller]
pub fn skopeo_works_with(server: &Server) {
    let pushed = pushed(server.directory(), 200);
    let remote = format!("docker://{}/library/app:v1", server.host());
    let local = format!("oci:{}:v1", pushed.layout.display());
    run(skopeo(server).args(["copy", "--all", "--dest-tls-verify=false", &local, &remote]));
    check_all(server, "library/app", "v1", &pushed);
    let raw = run(skopeo(server).args(["inspect", "--raw", "--tls-verify=false", &remote]));
    assert!(raw.as_bytes() == pushed.index.bytes);
    let listed = run(skopeo(server).args(["list-tags", "--tls-verify=false", &remote[..remote.len() - 3]]));
    assert!(listed.contains("\"v1\""), "{listed}");
    let back = server.directory().join("back");
    let target = format!("oci:{}:v1", back.display());
    run(skopeo(server).args(["copy", "--all", "--src-tls-verify=false", &remote, &target]));
    check_layout(&back, &pushed);
    // Between two repositories of the registry, which mounts the blobs.
    let other = format!("docker://{}/library/copy:v2", server.host());
    run(skopeo(server).args(["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", &remote, &other]));
    check_all(server, "library/copy", "v2", &pushed);
    run(skopeo(server).args(["delete", "--tls-verify=false", &remote]));
    server.get("/v2/library/app/manifests/v1").expect(404);
    check_all(server, "library/copy", "v2", &pushed);
}

#[test]
fn skopeo_pushes_docker_images_too() {
    let server = Server::start();
    let types = [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER];
    let image = real_image(210, &[1000, 2000], "amd64", types);
    server.push_image("library/app", "source", &image);
    let list = index(DOCKER_LIST, &[&image.manifest]);
    server.put_manifest("library/app", "list", &list).expect(201);
    let name = |tag: &str| format!("docker://{}/library/app:{tag}", server.host());
    let copy = ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
    run(skopeo(&server).args(copy).args([name("list"), name("copied")]));
    server.check_manifest("library/app", "copied", &list);
    // A translation to OCI and back is a push like any other.
    run(skopeo(&server).args(copy).args(["--format=oci", &name("source"), &name("oci")]));
    let head = server.head("/v2/library/app/manifests/oci").expect(200);
    assert_eq!(head.the("content-type"), OCI_MANIFEST);
}

fn crane(server: &Server) -> Command {
    tools::command(&tools::crane(), server.directory())
}

#[test]
fn crane_pushes_lists_pulls_and_deletes() {
    crane_works_with(&Server::start());
}

/// All that people do with crane, on a server with deletes enabled.
#[track_caller]
pub fn crane_works_with(server: &Server) {
    let pushed = pushed(server.directory(), 220);
    let name = format!("{}/library/app", server.host());
    let tagged = format!("{name}:v1");
    run(crane(server).args(["push", "--index"]).arg(&pushed.layout).arg(&tagged));
    // A layout with one entry is pushed as an index around it.
    let outer = run(crane(server).args(["manifest", &tagged]));
    assert!(outer.contains(&pushed.index.digest), "{outer}");
    server.check_manifest("library/app", &pushed.index.digest, &pushed.index);
    pushed.images.iter().for_each(|image| server.check_image("library/app", &image.manifest.digest, image));
    let by_digest = format!("{name}@{}", pushed.index.digest);
    run(crane(server).args(["tag", &by_digest, "inner"]));
    assert_eq!(run(crane(server).args(["digest", &format!("{name}:inner")])).trim(), pushed.index.digest);
    assert_eq!(run(crane(server).args(["ls", &name])).lines().collect::<Vec<_>>(), ["inner", "v1"]);
    assert_eq!(run(crane(server).args(["catalog", &server.host()])).trim(), "library/app");
    run(crane(server).args(["validate", "--remote", &format!("{name}:inner")]));
    let back = server.directory().join("back");
    run(crane(server).args(["pull", "--format=oci", &format!("{name}:inner")]).arg(&back));
    check_layout(&back, &pushed);
    let copied = format!("{}/library/copy:v1", server.host());
    run(crane(server).args(["copy", &format!("{name}:inner"), &copied]));
    check_all(server, "library/copy", "v1", &pushed);
    run(crane(server).args(["delete", &by_digest]));
    server.get("/v2/library/app/manifests/inner").expect(404);
    let layer = format!("{copied}@{}", pushed.images[0].layers[0].digest);
    let blob = tools::output(crane(server).args(["blob", &layer.replace(":v1@", "@")]));
    assert!(blob.stdout == pushed.images[0].layers[0].bytes);
}

fn regctl(server: &Server) -> Command {
    let mut command = tools::command(&tools::regctl(), server.directory());
    command.env("REGCTL_CONFIG", server.directory().join("regctl.json"));
    command
}

#[test]
fn regctl_pushes_attaches_lists_pulls_and_deletes() {
    let server = Server::start();
    let pushed = pushed(server.directory(), 230);
    let name = format!("{}/library/app", server.host());
    let tagged = format!("{name}:v1");
    run(regctl(&server).args(["registry", "set", "--tls", "disabled", &server.host()]));
    let local = format!("ocidir://{}:v1", pushed.layout.display());
    run(regctl(&server).args(["image", "copy", &local, &tagged]));
    check_all(&server, "library/app", "v1", &pushed);
    // A signature and an SBOM, attached through the referrers API.
    for (kind, file) in [("application/vnd.example.signature", "signature"), ("application/spdx+json", "sbom.json")] {
        let path = server.directory().join(file);
        fs::write(&path, format!("{{\"of\": \"{file}\"}}")).unwrap();
        let mut command = regctl(&server);
        command.args(["artifact", "put", "--artifact-type", kind, "--subject", &tagged, "--file-media-type", kind]);
        run(command.arg("-f").arg(&path));
    }
    let list = server.get(&format!("/v2/library/app/referrers/{}", pushed.index.digest)).expect(200).json();
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
    assert_eq!(server.tags("library/app"), ["v1"], "the client fell back to a tag");
    let listed = run(regctl(&server).args(["artifact", "list", &tagged]));
    assert!(
        listed.contains("application/vnd.example.signature") && listed.contains("application/spdx+json"),
        "{listed}"
    );
    let filtered = ["artifact", "list", "--filter-artifact-type", "application/spdx+json", &tagged];
    assert!(!run(regctl(&server).args(filtered)).contains("application/vnd.example.signature"));
    assert_eq!(run(regctl(&server).args(["tag", "ls", &name])).trim(), "v1");
    assert_eq!(run(regctl(&server).args(["repo", "ls", &server.host()])).trim(), "library/app");
    // To another repository and to a directory, referrers and all.
    let copied = format!("{}/library/copy:v1", server.host());
    run(regctl(&server).args(["image", "copy", "--referrers", &tagged, &copied]));
    check_all(&server, "library/copy", "v1", &pushed);
    let list = server.get(&format!("/v2/library/copy/referrers/{}", pushed.index.digest)).expect(200).json();
    assert_eq!(list["manifests"].as_array().map(Vec::len), Some(2));
    let back = server.directory().join("back");
    run(regctl(&server).args(["image", "copy", "--referrers", &copied, &format!("ocidir://{}:v1", back.display())]));
    check_layout(&back, &pushed);
    run(regctl(&server).args(["tag", "delete", &tagged]));
    assert!(server.tags("library/app").is_empty());
    run(regctl(&server).args(["manifest", "delete", &format!("{name}@{}", pushed.index.digest)]));
    server.get(&format!("/v2/library/app/manifests/{}", pushed.index.digest)).expect(404);
}

#[test]
fn what_docker_sends_on_the_wire_is_a_push() {
    let server = Server::start();
    let image = Image::docker(240);
    let agent = "docker/28.2.2 go/go1.24.3 git-commit/45873be kernel/6.1 os/linux arch/amd64 UpstreamClient(Docker-Client/28.2.2)";
    let with = |request: Request| server.send(request.header("User-Agent", agent).header("Accept-Encoding", "gzip"));
    with(Request::get("/v2/")).expect(200);
    for blob in image.blobs() {
        with(Request::head(format!("/v2/library/app/blobs/{}", blob.digest))).expect(404);
        let opened = with(Request::post("/v2/library/app/blobs/uploads/")).expect(202);
        let pieces = blob.bytes.chunks(1000).map(<[u8]>::to_vec).collect();
        let patched = with(Request::patch(opened.location()).chunked(pieces)).expect(202);
        let digest = blob.digest.replace(':', "%3A");
        let target = crate::support::http::with_query(&patched.location(), &format!("digest={digest}"));
        with(Request::put(target).body("")).expect(201);
        with(Request::head(format!("/v2/library/app/blobs/{}", blob.digest))).expect(200);
    }
    let put = Request::put("/v2/library/app/manifests/latest").content_type(DOCKER_MANIFEST);
    with(put.body(image.manifest.bytes.clone())).expect(201);
    let accept = format!("{DOCKER_MANIFEST}, {DOCKER_LIST}, {OCI_INDEX}, {OCI_MANIFEST}, */*");
    let pulled = with(Request::head("/v2/library/app/manifests/latest").header("Accept", accept)).expect(200);
    assert_eq!(pulled.the("docker-content-digest"), image.manifest.digest);
    server.check_image("library/app", "latest", &image);
}
