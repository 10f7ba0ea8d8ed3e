//! What a registry does, on every store. One test for each, so that they run beside each other and say which store it was.

use std::process::Command;

use crate::support::http::with_query;
use crate::support::server::{Program, free_address, wharf};
use crate::support::stores::{Kind, Store};
use crate::support::tools::output;
use crate::support::{Blob, Connection, Image, Request, Server, sha512};

/// A test for each of some stores.
macro_rules! on_each_store {
    ($check:ident: $($name:ident = $kind:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            $check(Kind::$kind);
        })+
    };
}

on_each_store!(
    keeps_every_promise:
    versitygw_keeps_every_promise_of_a_storage = S3,
    minio_keeps_every_promise_of_a_storage = Minio,
    the_oss_double_keeps_every_promise_of_a_storage = Oss,
    azurite_keeps_every_promise_of_a_storage = Azure,
    swift_keeps_every_promise_of_a_storage = Swift,
);

on_each_store!(
    serves:
    a_registry_on_versitygw_serves = S3,
    a_registry_on_minio_serves = Minio,
    a_registry_on_the_oss_double_serves = Oss,
    a_registry_on_azurite_serves = Azure,
    a_registry_on_swift_serves = Swift,
    a_registry_on_fake_gcs_serves = Gcs,
);

on_each_store!(
    sends_clients_to_the_store:
    clients_are_sent_to_versitygw = S3,
    clients_are_sent_to_minio = Minio,
    clients_are_sent_to_azurite = Azure,
);

/// `wharf storage check` of a store.
#[track_caller]
pub fn check(store: &Store, options: &[&str]) -> (bool, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("config.yml");
    std::fs::write(&file, store.config("").replace("ADDRESS", &free_address().to_string())).expect("a file");
    let mut command = Command::new(wharf());
    command.args(["storage", "check"]).args(options).arg(&file).envs(store.variables());
    let said = output(&mut command);
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    (said.status.success(), text)
}

#[track_caller]
fn keeps_every_promise(kind: Kind) {
    let (good, text) = check(&Store::of(kind), &["--thorough"]);
    assert!(good, "{kind:?}: {text}");
}

fn serves(kind: Kind) {
    let store = Store::of(kind);
    let server = store.serve();
    images(&server);
    uploads(&server);
    deletes(&server);
    // Another server finds all of it.
    let image = Image::oci(1500);
    server.push_image("library/app", "kept", &image);
    drop(server);
    store.serve().check_image("library/app", "kept", &image);
}

fn images(server: &Server) {
    let (oci, docker) = (Image::oci(1501), Image::docker(1502));
    server.push_image("library/app", "oci", &oci);
    server.push_image("library/app", "docker", &docker);
    server.push_image("deep/er/name", "v1", &oci);
    server.check_image("library/app", "oci", &oci);
    server.check_image("library/app", "docker", &docker);
    server.check_image("deep/er/name", "v1", &oci);
    assert_eq!(server.tags("library/app"), ["docker", "oci"]);
    let page = server.get("/v2/library/app/tags/list?n=1").expect(200);
    assert_eq!(page.json()["tags"], serde_json::json!(["docker"]));
    assert!(page.the("link").contains("last=docker"), "{page}");
    let repositories = server.get("/v2/_catalog").expect(200).json();
    assert_eq!(repositories["repositories"], serde_json::json!(["deep/er/name", "library/app"]));
    let layer = &oci.layers[0];
    let target = format!("/v2/library/app/blobs/{}", layer.digest);
    assert_eq!(server.head(&target).expect(200).the("content-length"), layer.bytes.len().to_string());
    let part = server.send(Request::get(&target).header("Range", "bytes=2-5")).expect(206);
    assert_eq!(part.body, &layer.bytes[2..6]);
    let behind = format!("bytes={}-", layer.bytes.len());
    server.send(Request::get(&target).header("Range", behind)).expect(416);
    server.get(&format!("/v2/library/other/blobs/{}", layer.digest)).expect_error(404, "BLOB_UNKNOWN");
    let mount = format!("/v2/library/other/blobs/uploads/?mount={}&from=library/app", layer.digest);
    server.send(Request::post(mount)).expect(201);
    server.check_blob("library/other", layer);
}

fn uploads(server: &Server) {
    // In one request, in pieces, larger than a part of the store, by another algorithm, and empty.
    let (one, pieces, large) = (Blob::random(1510, 5000), Blob::random(1511, 90_000), Blob::random(1512, 26 << 20));
    let target = format!("/v2/library/app/blobs/uploads/?digest={}", one.digest);
    server.send(Request::post(target).content_type("application/octet-stream").body(one.bytes.clone())).expect(201);
    let mut location = server.start_upload("library/app");
    for piece in pieces.bytes.chunks(30_000) {
        location = server.patch(&location, piece).expect(202).location();
    }
    assert_eq!(server.get(&location).expect(204).the("range"), "0-89999");
    let wrong = with_query(&location, &format!("digest={}", one.digest));
    server.send(Request::put(wrong).body(Vec::new())).expect_error(400, "DIGEST_INVALID");
    let mut location = server.start_upload("library/app");
    for piece in pieces.bytes.chunks(30_000) {
        location = server.patch(&location, piece).expect(202).location();
    }
    server.close_upload(&location, &pieces.digest, b"").expect(201);
    let location = server.patch(&server.start_upload("library/app"), &large.bytes[..22 << 20]).expect(202).location();
    server.close_upload(&location, &large.digest, &large.bytes[22 << 20..]).expect(201);
    let long = sha512(&one.bytes);
    server.close_upload(&server.start_upload("library/app"), &long, &one.bytes).expect(201);
    assert!(server.get(&format!("/v2/library/app/blobs/{long}")).expect(200).body == one.bytes);
    let empty = crate::support::image::empty();
    server.push_blob("library/app", &empty);
    for blob in [&one, &pieces, &large, &empty] {
        server.check_blob("library/app", blob);
    }
    let cancelled = server.patch(&server.start_upload("library/app"), b"never finished").expect(202).location();
    server.delete(&cancelled).expect(204);
    server.get(&cancelled).expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

fn deletes(server: &Server) {
    let (image, blob) = (Image::oci(1520), Blob::random(1521, 12 << 20));
    server.push_image("library/app", "gone", &image);
    server.push_image("library/app", "moved", &image);
    server.delete("/v2/library/app/manifests/gone").expect(202);
    server.get("/v2/library/app/manifests/gone").expect_error(404, "MANIFEST_UNKNOWN");
    server.check_image("library/app", "moved", &image);
    server.delete(&format!("/v2/library/app/manifests/{}", image.manifest.digest)).expect(202);
    server.get("/v2/library/app/manifests/moved").expect_error(404, "MANIFEST_UNKNOWN");
    server.push_blob("library/app", &blob);
    server.delete(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(202);
    server.get(&format!("/v2/library/app/blobs/{}", blob.digest)).expect_error(404, "BLOB_UNKNOWN");
    // What nothing names any more goes, and the rest stays.
    let told = server.garbage_collect(&[]);
    assert!(told.contains(&format!("blob eligible for deletion: {}", blob.digest)), "{told}");
    server.upkeep("verify", &[]);
}

fn sends_clients_to_the_store(kind: Kind) {
    let store = Store::of(kind);
    let setup = Server::setup_of(Program::Wharf).config_text(&store.config(""));
    sends_clients(&store, &setup.start());
}

/// GET of a blob is answered with a URL that allows reading it, and nothing else.
#[track_caller]
pub fn sends_clients(store: &Store, server: &Server) {
    let blob = Blob::random(1530, 3000);
    server.push_blob("library/app", &blob);
    let target = format!("/v2/library/app/blobs/{}", blob.digest);
    let answer = server.get(&target).expect(307);
    let location = answer.the("location");
    let at = format!("http://{}", store.address());
    let path = location.strip_prefix(&at).unwrap_or_else(|| panic!("{location} is not at {at}"));
    let send = |request: Request| Connection::open(store.address()).send(&request);
    let direct = send(Request::get(path)).expect(200);
    assert!(direct.body == blob.bytes);
    assert_eq!(direct.the("content-type"), "application/octet-stream");
    assert_eq!(send(Request::get(path).header("Range", "bytes=5-9")).expect(206).body, &blob.bytes[5..10]);
    let other = send(Request::get(path.replace("/data?", "/date?"))).status;
    assert!(matches!(other, 401 | 403 | 404), "another object was given with {other}");
    let overwritten = send(Request::put(path).header("x-ms-blob-type", "BlockBlob").body(b"x".to_vec()));
    assert!(matches!(overwritten.status, 401 | 403), "it could be overwritten: {overwritten}");
    let deleted = send(Request::delete(path)).status;
    assert!(matches!(deleted, 401 | 403), "it could be deleted: {deleted}");
    assert_eq!(server.head(&target).expect(200).the("content-length"), "3000");
}
