//! The examples in other languages, built by `wharf plugin build` and put into a server; and every scaffold, built as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::example::{build, component, scaffold};
use crate::support::plugin::{basic, behind};
use crate::support::server::{Setup, wharf};
use crate::support::tools;
use crate::support::{Connection, Request, Server};

/// A server behind an example, patient with what has to be compiled first.
fn behind_example(name: &str, lines: &str) -> Setup {
    let limits = "limits: {call_time_max: 60s, start_time_max: 60s, compile_time_max: 300s}\n";
    behind(&fs::read(component(name)).unwrap(), &format!("{limits}{lines}"))
}

fn secret(server: &Setup, key: &str, text: &str) -> String {
    let file = server.directory().join(key);
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn upload(server: &Server, repository: &str, password: &str) -> u16 {
    let request = Request::post(format!("/v2/{repository}/blobs/uploads/"));
    server.send(request.header("Authorization", basic("ci", password))).status
}

#[test]
fn robot_accounts_in_javascript() {
    let accounts =
        r#"[{"name":"ci","password":"correct horse","rules":[{"repositories":"team/*","actions":["pull","push"]}]}]"#;
    let setup = behind_example("auth-javascript", "grants: {secrets: {accounts: {file: DIRECTORY/accounts}}}");
    secret(&setup, "accounts", accounts);
    let server = setup.start();
    assert!(server.get("/v2/").expect(401).the("www-authenticate").contains("robots"));
    server.get_as("/v2/", "ci", "correct horse").expect(200);
    server.get_as("/v2/", "ci", "wrong horse").expect(401);
    assert_eq!(upload(&server, "team/app", "correct horse"), 202);
    let refused = server.get_as("/v2/other/app/tags/list", "ci", "correct horse").expect(403);
    assert!(refused.text().contains("ci may not pull other/app"), "{refused}");
}

#[test]
fn access_by_network_in_go() {
    let rules = "config: {networks: \"127.0.0.0/8 team/ pull,push\"}";
    let server = behind_example("auth-go", rules).start();
    server.get("/v2/").expect(200);
    server.get("/v2/team/app/tags/list").expect(404);
    server.send(Request::post("/v2/team/app/blobs/uploads/")).expect(202);
    let refused = server.get("/v2/other/app/tags/list").expect(403);
    assert!(refused.text().contains("nobody at 127.0.0.1"), "{refused}");
    server.get_as("/v2/", "alice", "secret").expect(401);
}

/// The host's questions for memory were answered by Go's allocator, that can start a collection, that reads the clock: which
/// nobody may do while the host asks. One call in 200 trapped.
#[test]
fn a_component_in_go_goes_on_when_its_garbage_is_collected() {
    let rules = "config: {networks: \"127.0.0.0/8 team/ pull\"}\ninstances: warm\nlimits: {decision_time_max: 1ns}";
    let server = behind(&fs::read(component("auth-go")).unwrap(), rules).start();
    let mut connection = Connection::open(server.address());
    for _ in 0..3000 {
        connection.send(&Request::get("/v2/")).expect(200);
    }
}

#[test]
fn signed_passwords_in_python() {
    let table =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/auth-python/plugin-tests.toml"));
    let table = table.unwrap();
    let tokens: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("basic = \"ci:")?.strip_suffix('"')).collect();
    let (good, expired, forged) = (tokens[0], tokens[2], tokens[3]);
    let setup = behind_example("auth-python", "grants: {secrets: {key: {file: DIRECTORY/key}}}");
    secret(&setup, "key", "a key of thirty-two characters!!\n");
    let server = setup.start();
    server.get("/v2/").expect(401);
    server.get_as("/v2/team/app/tags/list", "ci", good).expect(404);
    assert_eq!(upload(&server, "team/app", good), 202);
    server.get_as("/v2/team/other/tags/list", "ci", good).expect(403);
    for bad in [expired, forged, "no token", "a.b.c"] {
        server.get_as("/v2/", "ci", bad).expect(401);
    }
}

#[test]
fn the_other_examples_build() {
    for name in ["storage-c", "storage-javascript", "notify-python"] {
        let bytes = fs::read(component(name)).unwrap();
        assert!(bytes.starts_with(b"\0asm\x0d\0\x01\0"), "{name} is a component");
    }
}

#[test]
fn every_scaffold_builds_as_it_is_and_passes_its_kit() {
    let parent = tempfile::tempdir().unwrap();
    for world in ["auth-provider", "notification-hook", "storage-backend", "storage-layer"] {
        for language in ["javascript", "go", "c"] {
            let project = scaffold(parent.path(), world, language);
            let component = build(&project);
            assert_eq!(component.file_name(), project.with_extension("wasm").file_name());
            // What only the kit finds: JavaScript's engine traps on the largest number of 64 bits, which a range may have as its
            // length, and never gives the host's resources back by itself; Go makes folders in two steps, between which others
            // remove them.
            pass(&component);
            let bytes = fs::read(&component).unwrap();
            let needle = format!("world = \"{world}\"");
            assert!(
                bytes.windows(needle.len()).any(|part| part == needle.as_bytes()),
                "{component:?} has its manifest"
            );
        }
    }
}

/// Of the scaffolds in Rust the one with the most code, with the versions that our own plugins are built with.
#[test]
fn the_storage_scaffold_in_rust_passes_its_kit() {
    let parent = tempfile::tempdir().unwrap();
    let project = scaffold(parent.path(), "storage-backend", "rust");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/Cargo.lock");
    fs::copy(lock, project.join("Cargo.lock")).unwrap();
    pass(&build(&project));
}

/// `wharf plugin test`, as its author runs it; but what it stores lies in memory, where no disk is waited for.
fn pass(component: &Path) {
    let memory = Path::new("/dev/shm");
    let mut command = Command::new(wharf());
    command.args(["plugin", "test"]).arg(component).args(["--call-time-max", "60s", "--compile-time-max", "300s"]);
    if memory.is_dir() {
        command.env("TMPDIR", memory);
    }
    tools::run(&mut command);
}
