//! Goal: a storage component that lies, traps, or has no room loses nothing that was acknowledged and serves no wrong byte as right.
//! Method: `storage-fixture` on a directory that a well-behaved server has filled, with one promise broken; a disk that is full;
//! two servers on one directory.

use std::path::Path;

use crate::support::disk::SmallDisk;
use crate::support::plugin::guest;
use crate::support::server::Setup;
use crate::support::{Blob, Image, Request, Server};

fn setup(keys: &str) -> Setup {
    on("storage-fixture", keys)
}

fn on(component: &str, keys: &str) -> Setup {
    let setup = Server::setup();
    let component = crate::support::plugin::put(setup.directory(), "storage.wasm", &guest(component));
    let config = format!(
        "version: 0.1\nlog: {{level: info}}\nstorage:\n  plugin:\n    component: {}\n    \
         grants: {{directories: [{{path: DATA, guest: /data, write: true}}]}}\n{keys}  delete: {{enabled: true}}\n\
         http: {{addr: ADDRESS, secret: not-a-secret}}\n",
        component.display()
    );
    setup.config_text(&config)
}

fn broken(component: &str, mode: &str, data: &Path) -> Server {
    let keys = format!("    config: {{break: {mode}}}\n    limits: {{call_time_max: 1s, failures_max: 1000}}\n");
    on(component, &keys).data(data).start()
}

#[test]
fn readers_that_lie_never_give_a_whole_answer() {
    let good = setup("").start();
    let blob = Blob::random(1, 1_500_000);
    good.push_blob("team/app", &blob);
    let target = format!("/v2/team/app/blobs/{}", blob.digest);
    for (component, mode, told) in [
        ("storage-minimal", "short-read", "ends after"),
        ("storage-minimal", "long-read", "more than"),
        ("storage-minimal", "large-read", "asked for"),
        ("storage-fixture", "short-stream", "ends after 1499999 of 1500000 bytes"),
    ] {
        let server = broken(component, mode, good.data());
        if let Ok(answer) = server.connect().try_send(&Request::get(&target)) {
            assert!(answer.status >= 400, "{mode}: {}", answer.status);
        }
        server.wait_for_log(told);
        server.get("/v2/").expect(200);
    }
    assert!(good.get(&target).expect(200).body == blob.bytes);
}

#[test]
fn a_trap_when_a_resource_is_dropped_costs_the_instance_and_nothing_else() {
    let good = setup("").start();
    // Without `small-objects` everything goes through readers and writers.
    let server = broken("storage-minimal", "trap-in-drop", good.data());
    let image = Image::oci(77);
    server.push_image("team/app", "latest", &image);
    let blob = Blob::random(2, 1_500_000);
    server.push_blob("team/app", &blob);
    assert!(server.get(&format!("/v2/team/app/blobs/{}", blob.digest)).expect(200).body == blob.bytes);
    server.wait_for_log("an instance was lost when a resource was dropped");
    good.check_image("team/app", "latest", &image);
}

#[test]
fn a_full_disk_below_a_component_fails_the_push_and_nothing_else() {
    const MIB: usize = 1 << 20;
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    // Only root can mount.
    let Some(_disk) = SmallDisk::mount(&data, 8 * MIB) else { return };
    let server = setup("").data(&data).start();
    let image = Image::oci(930);
    server.push_image("team/app", "latest", &image);
    for round in 0..3 {
        let large = Blob::random(931 + round, 12 * MIB);
        let location = server.start_upload("team/app");
        let answer = server.patch(&location, &large.bytes);
        assert_eq!(answer.status, 507, "{answer}");
        assert!(!answer.text().contains("insufficient"), "the answer tells of the plugin's inside: {answer}");
        server.get(&format!("/v2/team/app/blobs/{}", large.digest)).expect(404);
        server.check_image("team/app", "latest", &image);
        server.delete(&location).expect(204);
    }
    server.wait_for_log("plugin storage: the file that it handed over can't be written");
    server.wait_for_log("No space left on device");
    let small = Blob::random(940, 100_000);
    server.push_blob("team/app", &small);
    server.check_blob("team/app", &small);
}

/// Uploads that change the server with each request, and what one deletes the other does not have.
#[test]
fn two_servers_share_one_storage_plugin() {
    let one = setup("").start();
    let two = setup("").data(one.data()).start();
    let blob = Blob::random(3, 900_000);
    let mut location = one.start_upload("team/app");
    for (piece, server) in blob.bytes.chunks(300_000).zip([&two, &one, &two]) {
        location = server.patch(&location, piece).expect(202).location();
    }
    one.close_upload(&location, &blob.digest, b"").expect(201);
    assert!(two.get(&format!("/v2/team/app/blobs/{}", blob.digest)).expect(200).body == blob.bytes);
    let (first, second) = (Image::oci(10), Image::oci(11));
    one.push_image("team/app", "latest", &first);
    two.check_image("team/app", "latest", &first);
    two.push_image("team/app", "latest", &second);
    one.check_image("team/app", "latest", &second);
    two.delete(&format!("/v2/team/app/manifests/{}", second.manifest.digest)).expect(202);
    one.get("/v2/team/app/manifests/latest").expect(404);
}
