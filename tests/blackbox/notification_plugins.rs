//! Goal: a component hears what it asks for and may hear, in order and at least once, and its failures cost nobody anything.
//! Method: the fixture `hook-fixture`, which posts what it was told to a real receiver and answers as it is configured.

use std::collections::BTreeSet;

use crate::support::receiver::{Post, Receiver};
use crate::support::{Blob, Image, Request, Server, tools};

/// The keys of a plugin that posts to `receiver`, indented by so much.
fn fixture(receiver: &Receiver, indent: usize, config: &str) -> String {
    let (component, url) = (tools::guest("hook-fixture"), receiver.url(""));
    let lines = [
        format!("component: {}", component.display()),
        format!("config: {{post: '{url}/', {config}}}"),
        format!("grants: {{hosts: ['{url}']}}"),
        "limits: {call_time_max: 2s, failure_backoff: 10ms}".to_owned(),
    ];
    lines.map(|line| format!("{:indent$}{line}\n", "")).concat()
}

fn plugin(receiver: &Receiver, config: &str, keys: &str) -> String {
    let fixture = fixture(receiver, 6, config);
    format!("notifications:\n  plugins:\n    - name: hook\n{keys}{fixture}")
}

#[test]
fn a_component_hears_what_it_asks_for_and_may_hear() {
    let receiver = Receiver::start();
    let config = "subscribe: 'push,mount,delete,server,panic'";
    let section = plugin(&receiver, config, "      actions: [push, pull, delete]\n");
    let mut server = Server::setup().section(&section).start();
    assert_eq!(receiver.next().body, "0 server started");
    let (image, blob) = (Image::oci(970), Blob::random(971, 10));
    server.push_image("team/app", "v1", &image);
    server.check_image("team/app", "v1", &image);
    server.push_blob("team/app", &blob);
    let mount = format!("/v2/team/copy/blobs/uploads/?mount={}&from=team/app", blob.digest);
    server.send(Request::post(mount)).expect(201);
    server.delete("/v2/team/app/manifests/v1").expect(202);
    assert!(server.terminate().success());
    let pushed = image.blobs().map(|blob| format!("0 push team/app {} by anonymous", blob.digest));
    let mut expected: Vec<String> = pushed.collect();
    expected.push("0 push team/app v1 by anonymous".to_owned());
    expected.push(format!("0 push team/app {} by anonymous", blob.digest));
    expected.push("0 delete team/app v1 by anonymous".to_owned());
    expected.push("0 server stopping".to_owned());
    let heard: Vec<String> = receiver.arrived().into_iter().map(|post: Post| post.body).collect();
    assert_eq!(heard, expected);
}

#[test]
fn what_a_component_fails_at_comes_again_in_order() {
    // It traps, answers with too few outcomes, or takes too long: the whole batch comes again. It asks for one event again:
    // that one comes again.
    for (outcome, log) in [
        ("trap-once", "handle trapped"),
        ("short", "outcomes for"),
        ("sleep", "handle took longer than limits.call_time_max"),
        ("retry-once", "listening on"),
    ] {
        let receiver = Receiver::start();
        let server = Server::setup().section(&plugin(&receiver, &format!("outcome: {outcome}"), "")).start();
        let blobs: Vec<Blob> = (980..983).map(|seed| Blob::random(seed, 10)).collect();
        blobs.iter().for_each(|blob| server.push_blob("team/app", blob));
        server.wait_for_log(log);
        let mut first_seen = Vec::new();
        let mut seen = BTreeSet::new();
        // Three events, of which some come a few times before the one that is waited for.
        let again = (0..100).find_map(|_| {
            let line = receiver.next().body;
            let (attempt, event) = line.split_once(' ').unwrap();
            if seen.insert(event.to_owned()) {
                first_seen.push(event.to_owned());
            }
            let done = outcome == "short" || outcome == "sleep" || first_seen.len() == blobs.len();
            (done && attempt != "0").then(|| event.to_owned())
        });
        let again = again.expect("one comes again");
        let expected: Vec<String> =
            blobs.iter().map(|blob| format!("push team/app {} by anonymous", blob.digest)).collect();
        assert!(expected.starts_with(&first_seen), "{outcome}: {first_seen:?}");
        assert!(expected.contains(&again), "{outcome}: {again}");
        server.get("/v2/").expect(200);
    }
}

#[test]
fn a_panic_in_a_handler_is_told_with_its_request() {
    let receiver = Receiver::start();
    let section = format!(
        "hooks:\n  - type: plugin\n    levels: [panic]\n    plugin:\n{}",
        fixture(&receiver, 6, "subscribe: 'push,pull,error,panic,info,server'")
    );
    let path = "/v2/team/app/tags/list";
    let server = Server::setup().section(&section).env("WHARF_TEST_PANIC_AT", path).start();
    // Errors are not panics.
    server.get("/v2/team/app/manifests/absent").expect(404);
    let answer = server.get(path).expect_error(500, "UNKNOWN");
    let id = answer.the("x-request-id");
    let line = receiver.next().body;
    assert!(line.starts_with("0 log panic panic: WHARF_TEST_PANIC_AT names this path "), "{line}");
    assert!(line.contains(&format!("http.request.id={id}")), "{line}");
    server.get("/v2/").expect(200);
    assert!(receiver.arrived().is_empty());
}

#[test]
fn a_component_that_cannot_be_a_hook_keeps_the_server_from_starting() {
    let receiver = Receiver::start();
    let section = plugin(&receiver, "init: error", "");
    let (status, log) = Server::setup().section(&section).run_to_the_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("plugin hook: init: the test says so"), "{log}");
    let section = section.replace("hook-fixture", "auth-fixture");
    let (status, log) = Server::setup().section(&section).run_to_the_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("wharf:notify/hook@0.1.0"), "{log}");
}
