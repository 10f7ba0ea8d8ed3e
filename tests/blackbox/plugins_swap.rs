//! Exchanging components of a running server.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::patience::{Over, wait_until};
use crate::support::plugin::{asking, basic, behind, guest, push_component, put, variant};
use crate::support::{Connection, Request, Server};

/// The fixture with a file for a secret, which is read whenever a version is loaded: so versions can differ in behaviour.
fn swappable(lines: &str) -> (Server, PathBuf) {
    let component = asking(&guest("auth-fixture"), "secrets = [\"version\", \"init\"]");
    let grants = "grants: {secrets: {version: {file: DIRECTORY/version}, init: {file: DIRECTORY/init}}}";
    let setup = behind(&component, &format!("{grants}\n{lines}"));
    let (version, init) = (setup.directory().join("version"), setup.directory().join("init"));
    fs::write(&version, "1").unwrap();
    fs::write(&init, "").unwrap();
    (setup.start(), version)
}

/// Writes another component beside the first one; its path.
#[track_caller]
fn other(server: &Server, number: u32) -> String {
    let component = asking(&guest("auth-fixture"), "secrets = [\"version\", \"init\"]");
    let path = put(server.directory(), &format!("other-{number}.wasm"), &variant(&component, number));
    path.to_str().unwrap().to_owned()
}

fn realm(server: &Server) -> String {
    server.get("/v2/").expect(401).the("www-authenticate").to_owned()
}

#[track_caller]
fn wait_for_realm(server: &Server, realm_is: &str) {
    let problem = || format!("{realm_is} is never seen:\n{}", server.log());
    wait_until(|| realm(server) == realm_is, problem);
}

#[test]
fn swap_list_and_rollback_from_the_command_line() {
    let (server, version) = swappable("");
    assert_eq!(realm(&server), "Basic realm=\"auth-fixture 1\"");
    let listed = server.plugin_done(&["list"]);
    for word in ["auth\n", "wharf:auth/auth-provider", "version 1", "sha256:", "auth.wasm"] {
        assert!(listed.contains(word), "{word:?} is not in\n{listed}");
    }
    fs::write(&version, "2").unwrap();
    let told = server.plugin_done(&["swap", "auth", &other(&server, 2)]);
    assert!(told.contains("version 2 is in service"), "{told}");
    assert_eq!(realm(&server), "Basic realm=\"auth-fixture 2\"");
    let again = server.plugin_done(&["swap", "auth", &other(&server, 2)]);
    assert!(again.contains("in service already; nothing was done"), "{again}");
    let told = server.plugin_done(&["rollback", "auth"]);
    assert!(told.contains("version 1 is in service"), "{told}");
    assert_eq!(realm(&server), "Basic realm=\"auth-fixture 1\"", "with the secrets that it was loaded with");
    server.plugin_done(&["rollback", "auth"]);
    assert_eq!(realm(&server), "Basic realm=\"auth-fixture 2\"", "a rollback can be rolled back");
    let listed = server.plugin_done(&["list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["name"], "auth");
    assert_eq!(server.metric("wharf_plugin_swaps_total{plugin=\"auth\"}"), 4.0, "the one with nothing to do included");
}

#[test]
fn what_can_not_take_over_does_not_and_the_caller_is_told_why() {
    let (server, _) = swappable("");
    let write = |name: &str, bytes: &[u8]| put(server.directory(), name, bytes).to_str().unwrap().to_owned();
    let hook = write("hook.wasm", &guest("hook-fixture"));
    let broken = write("broken.wasm", &{
        let mut bytes = guest("auth-fixture");
        bytes.truncate(bytes.len() / 2);
        bytes
    });
    for (file, words) in [
        (hook, &["exports wharf:notify/hook@0.1.0", "wharf:auth/provider@0.1.0"][..]),
        (write("module.wasm", b"\0asm\x01\0\0\0"), &["core module", "wharf plugin build"]),
        (write("text.wasm", b"hello, world"), &["no WebAssembly component"]),
        (write("empty.wasm", b""), &["empty"]),
        (broken, &["no valid component"]),
        ("/nowhere/at/all.wasm".to_owned(), &["/nowhere/at/all.wasm", "No such file"]),
    ] {
        let told = server.plugin_refused(&["swap", "auth", &file]);
        for word in words {
            assert!(told.contains(word), "{file}: {word:?} is not in {told}");
        }
        assert_eq!(realm(&server), "Basic realm=\"auth-fixture 1\"");
    }
    let init = server.directory().join("init");
    fs::write(&init, "config").unwrap();
    let told = server.plugin_refused(&["swap", "auth", &other(&server, 3)]);
    assert!(told.contains("config.first") && told.contains("config.second"), "{told}");
    server.get_as("/v2/", "alice", "secret").expect(200);
    let told = server.plugin_refused(&["swap", "door", &other(&server, 3)]);
    assert!(told.contains("there is no plugin \"door\"; there are: auth"), "{told}");
    let told = server.plugin_refused(&["rollback", "auth"]);
    assert!(told.contains("no version before"), "{told}");
}

#[test]
fn a_changed_file_and_sighup_swap_too() {
    let (server, version) = swappable("");
    let component = asking(&guest("auth-fixture"), "secrets = [\"version\", \"init\"]");
    fs::write(&version, "2").unwrap();
    put(server.directory(), "auth.wasm", &variant(&component, 2));
    wait_for_realm(&server, "Basic realm=\"auth-fixture 2\"");
    server.plugin_done(&["swap", "auth", &other(&server, 9)]);
    fs::write(&version, "3").unwrap();
    rustix::process::kill_process(server.pid(), rustix::process::Signal::HUP).unwrap();
    wait_for_realm(&server, "Basic realm=\"auth-fixture 3\"");
}

#[test]
fn without_an_admin_listener_the_command_says_how_to_get_one() {
    let server = Server::start();
    let told = server.plugin_refused(&["list"]);
    assert!(told.contains("has no admin listener") && told.contains("admin.sock"), "{told}");
}

#[test]
fn the_admin_socket_is_for_its_user_and_the_admin_port_for_the_token() {
    use std::os::unix::fs::MetadataExt as _;
    let token = "0123456789abcdef";
    let setup = behind(&guest("auth-fixture"), "")
        .env("REGISTRY_ADMIN_ADDR", "127.0.0.1:0")
        .env("REGISTRY_ADMIN_TOKEN", &format!("'{token}'"));
    let server = setup.start();
    let socket = fs::metadata(server.directory().join("admin.sock")).unwrap();
    assert_eq!(socket.mode() & 0o777, 0o600);
    server.wait_for_log("admin listening on 127.");
    let log = server.log();
    let address = log.split("admin listening on 127.").nth(1).unwrap().split(['"', '\n']).next().unwrap();
    let address = format!("127.{address}").parse().unwrap();
    let ask = |header: &str| Connection::open(address).send(&Request::get("/plugins").header("Authorization", header));
    ask("Bearer wrong").expect(401);
    ask("").expect(401);
    ask(&format!("Bearer {token}")).expect(200);
    assert!(!server.log().contains(token));
}

#[test]
fn components_come_from_registries_too() {
    let (registry, (server, version)) = (Server::start(), swappable(""));
    let component = asking(&guest("auth-fixture"), "secrets = [\"version\", \"init\"]");
    let reference = push_component(&registry, &variant(&component, 77));
    fs::write(&version, "77").unwrap();
    server.plugin_done(&["swap", "auth", &reference]);
    assert_eq!(realm(&server), "Basic realm=\"auth-fixture 77\"");
    let absent = reference.replace("@sha256:", "@sha256:0000")[..reference.len()].to_owned();
    let told = server.plugin_refused(&["swap", "auth", &absent]);
    assert!(told.contains("404"), "{told}");
}

/// 64 clients, a swap every 100 ms, and not one answer that is not what it should be.
#[test]
fn swaps_under_load_lose_no_request() {
    let (server, _) = swappable("config: {time-to-live-ms: 0}");
    let files: Vec<PathBuf> = (0..4).map(|number| other(&server, number).into()).collect();
    // Compiled before, so that swapping is what takes the time.
    files.iter().for_each(|file| server.swap("auth", file));
    let (done, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _over = Over(&done);
        for client in 0..64 {
            let (server, done, requests) = (&server, &done, &requests);
            scope.spawn(move || {
                let mut connection = server.connect();
                let good = client % 4 != 0;
                let password = if good { "secret" } else { "wrong" };
                let request = Request::get("/v2/team/app/tags/list").header("Authorization", basic("alice", password));
                while !done.load(Ordering::Relaxed) {
                    let answer = connection.send(&request);
                    answer.expect(if good { 404 } else { 401 });
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let swaps = server.keep_swapping("auth", &files);
        eprintln!("{swaps} swaps, {} requests", requests.load(Ordering::Relaxed));
        assert!(swaps > 4, "{swaps}");
    });
    assert!(requests.load(Ordering::Relaxed) > 64);
    server.check_no_call_failed("auth");
}
