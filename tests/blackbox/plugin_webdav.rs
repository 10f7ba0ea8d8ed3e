//! Goal: a registry can stand on a WebDAV server. Method: the component `storage-webdav` and Debian's Apache, real pushes and
//! pulls, a second server on the same folder, and the server gone.

use crate::support::apache::{Apache, PASSWORD, USER};
use crate::support::server::Setup;
use crate::support::{Blob, Image, Request, Server, tools};

fn setup(apache: &Apache, password: &str) -> Setup {
    let text = format!(
        "version: 0.1\nlog: {{level: info}}\nhttp: {{addr: ADDRESS, secret: not-a-secret}}\nstorage:\n  delete: {{enabled: true}}\n  \
         plugin:\n    component: {}\n    config: {{url: '{1}/dav', username: {USER}}}\n    grants:\n      hosts: ['{1}']\n      \
         secrets: {{password: {{env: DAV_PASSWORD}}}}\n",
        tools::guest("storage-webdav").display(),
        apache.origin(),
    );
    Server::setup().config_text(&text).env("DAV_PASSWORD", password)
}

#[test]
fn a_registry_stands_on_a_webdav_server() {
    let apache = Apache::start();
    let server = setup(&apache, PASSWORD).start();
    let image = Image::oci(1010);
    server.push_image("team/app", "v1", &image);
    server.push_image("team/app", "v2", &image);
    server.check_image("team/app", "v1", &image);
    let large = Blob::random(1011, 3_000_000);
    server.push_blob("team/app", &large);
    let path = format!("/v2/team/app/blobs/{}", large.digest);
    assert!(server.get(&path).expect(200).body == large.bytes);
    let part = server.send(Request::get(&path).header("Range", "bytes=1000000-2000000")).expect(206);
    assert!(part.body == large.bytes[1_000_000..=2_000_000]);
    assert_eq!(server.get("/v2/team/app/tags/list").expect(200).json()["tags"], serde_json::json!(["v1", "v2"]));
    assert_eq!(server.get("/v2/_catalog").expect(200).json()["repositories"], serde_json::json!(["team/app"]));
    server.delete("/v2/team/app/manifests/v2").expect(202);
    drop(server);
    // Nothing was kept anywhere else.
    let server = setup(&apache, PASSWORD).start();
    server.check_image("team/app", "v1", &image);
    server.get("/v2/team/app/manifests/v2").expect(404);
    assert_eq!(std::fs::read_dir(apache.files().join("uploads%")).unwrap().count(), 0, "unfinished uploads are left");
}

#[test]
fn a_wrong_password_keeps_the_server_from_starting() {
    let apache = Apache::start();
    let (status, log) = setup(&apache, "wrong").run_to_the_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("401"), "{log}");
}

#[test]
fn a_server_that_is_away_is_not_an_empty_one() {
    let apache = Apache::start();
    let server = setup(&apache, PASSWORD).start();
    let blob = Blob::random(1012, 1000);
    server.push_blob("team/app", &blob);
    drop(apache);
    let answer = server.get(&format!("/v2/team/app/blobs/{}", blob.digest));
    assert!(answer.status >= 500, "{}", answer.status);
}
