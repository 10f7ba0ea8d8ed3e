//! Goal: a registry whose storage is a component is a registry like any other, and a layer stands before the driver beside it.
//! Method: the fixture `storage-fixture`, which keeps objects in a directory that it is granted, under real clients.

use std::process::Command;

use crate::clients::{crane_works_with, skopeo_works_with};
use crate::support::server::{Setup, wharf};
use crate::support::{Image, Server, tools};

/// The configuration of a server that keeps everything in `component`.
fn config(component: &str, keys: &str) -> String {
    let component = tools::guest(component);
    format!(
        "version: 0.1\nstorage:\n  plugin:\n    component: {}\n{keys}    grants: {{directories: [{{path: DATA, guest: /data, \
         write: true}}]}}\n  delete:\n    enabled: true\nhttp:\n  addr: ADDRESS\n",
        component.display()
    )
}

fn setup(component: &str) -> Setup {
    Server::setup().config_text(&config(component, ""))
}

#[test]
fn clients_push_and_pull_through_a_component() {
    for component in ["storage-fixture", "storage-minimal"] {
        skopeo_works_with(&setup(component).start());
        crane_works_with(&setup(component).start());
    }
}

#[test]
fn what_a_component_stored_survives_the_server_and_is_collected() {
    let mut server = setup("storage-fixture").start();
    let (kept, gone) = (Image::oci(980), Image::oci(981));
    server.push_image("team/app", "kept", &kept);
    server.push_image("team/app", "gone", &gone);
    server.delete(&format!("/v2/team/app/manifests/{}", gone.manifest.digest)).expect(202);
    assert!(server.terminate().success());
    let collect = |command: &str| {
        let output = tools::output(Command::new(wharf()).arg(command).arg(server.config()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let collected = collect("garbage-collect");
    assert!(collected.contains(&gone.manifest.digest), "{collected}");
    assert!(collect("verify").contains(" 0 problems"));
    let server = server.its_setup().keeping(&server).start();
    server.check_image("team/app", "kept", &kept);
    server.get(&format!("/v2/team/app/blobs/{}", gone.manifest.digest)).expect(404);
}

#[test]
fn a_component_that_can_not_be_used_is_told_at_the_start() {
    let (status, log) =
        Server::setup().config_text(&config("storage-fixture", "    config: {break: nonsense}\n")).run_to_the_end();
    assert!(!status.success() && log.contains("config.break"), "{log}");
    // It keeps objects itself: a driver beside it would be a mistake.
    let beside = config("storage-fixture", "").replace("storage:\n", "storage:\n  inmemory: {}\n");
    let (status, log) = Server::setup().config_text(&beside).run_to_the_end();
    assert!(!status.success() && log.contains("keeps objects itself"), "{log}");
}

#[test]
fn a_component_that_hangs_costs_one_request_its_time_and_the_server_nothing() {
    let keys = "    config: {break: hang-in-finish}\n    limits: {call_time_max: 500ms, failures_max: 1000}\n";
    let server = Server::setup().config_text(&config("storage-fixture", keys)).start();
    let response = server.send(crate::support::Request::post("/v2/team/app/blobs/uploads/"));
    assert_eq!(response.status, 503, "{}", server.log());
    server.get("/v2/").expect(200);
}
