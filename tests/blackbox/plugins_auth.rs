//! An auth provider that is a component: what it decides, what is remembered, what happens when it can't decide.

use crate::support::plugin::{asking, basic, behind, guest};
use crate::support::{Request, Server};

const CALLS: &str = "wharf_plugin_call_seconds_count{plugin=\"auth\"}";

fn fixture(lines: &str) -> Server {
    behind(&guest("auth-fixture"), lines).start()
}

#[test]
fn the_component_decides() {
    let server = fixture("config: {version: 7}");
    let refused = server.get("/v2/").expect(401);
    assert_eq!(refused.the("www-authenticate"), "Basic realm=\"auth-fixture 7\"");
    assert_eq!(refused.codes(), ["UNAUTHORIZED"]);
    server.get_as("/v2/", "alice", "secret").expect(200);
    server.get_as("/v2/", "alice", "wrong").expect(401);
    server.get_as("/v2/team/app/manifests/latest", "alice", "secret").expect(404);
    server.send(Request::get("/v2/").header("Authorization", "Bearer abc")).expect(401);
    server.wait_for_log("wharf:auth/auth-provider in service");
    assert_eq!(server.metric("wharf_plugin_errors_total{plugin=\"auth\",case=\"trap\"}"), 0.0);
}

#[test]
fn what_it_denies_is_403_with_its_reason() {
    let server = fixture("config: {decision: deny}");
    let refused = server.get_as("/v2/a/tags/list", "alice", "secret").expect(403);
    assert_eq!(refused.codes(), ["DENIED"]);
    assert!(refused.text().contains("auth-fixture 1 denies everything"), "{refused}");
}

#[test]
fn less_than_was_wanted_is_nothing() {
    let server = fixture("config: {decision: less}");
    let refused = server.get_as("/v2/a/tags/list", "alice", "secret").expect(403);
    assert!(refused.text().contains("repository:a:pull"), "{refused}");
    server.get_as("/v2/", "alice", "secret").expect(200);
}

#[test]
fn access_rules_go_around_it() {
    let setup = behind(&guest("auth-fixture"), "");
    let server = setup.env("REGISTRY_AUTH_ACCESS", "[{who: alice, repositories: 'open/**', actions: pull}]").start();
    server.get_as("/v2/open/a/tags/list", "alice", "secret").expect(404);
    let refused = server.get_as("/v2/closed/a/tags/list", "alice", "secret").expect(403);
    assert!(refused.text().contains("no access rule"), "{refused}");
}

#[test]
fn one_that_can_not_decide_refuses_for_the_moment() {
    for decision in ["unavailable", "error"] {
        let server = fixture(&format!("config: {{decision: {decision}}}"));
        let refused = server.get_as("/v2/", "alice", "secret").expect(503);
        refused.the("retry-after");
        server.wait_for_log("the test says so");
        assert_eq!(server.metric("wharf_plugin_errors_total{plugin=\"auth\",case=\"answer\"}"), 1.0);
    }
}

#[test]
fn with_on_failure_native_the_provider_beside_it_decides_when_it_can_not() {
    let setup = behind(&guest("auth-fixture"), "config: {decision: error}\non-failure: native");
    let file = setup.directory().join("htpasswd");
    std::fs::write(&file, format!("bob:{}\n", bcrypt::hash("pass", 4).unwrap())).unwrap();
    let server = setup
        .env("REGISTRY_AUTH_HTPASSWD_REALM", "Native")
        .env("REGISTRY_AUTH_HTPASSWD_PATH", file.to_str().unwrap())
        .start();
    server.get_as("/v2/", "bob", "pass").expect(200);
    let refused = server.get_as("/v2/", "alice", "secret").expect(401);
    assert_eq!(refused.the("www-authenticate"), "Basic realm=\"Native\"");
}

#[test]
fn a_grant_is_remembered_for_its_credentials_and_its_access() {
    let server = fixture("config: {time-to-live-ms: 60000}");
    let get = |path: &str, password: &str, status: u16| {
        server.get_as(path, "alice", password).expect(status);
        server.metric(CALLS)
    };
    let first = get("/v2/a/tags/list", "secret", 404);
    assert_eq!(get("/v2/a/tags/list", "secret", 404), first, "the second request is answered from memory");
    assert!(get("/v2/b/tags/list", "secret", 404) > first, "another repository is asked for");
    let before = server.metric(CALLS);
    assert!(get("/v2/a/tags/list", "wrong", 401) > before, "other credentials are asked for");
    assert!(get("/v2/a/tags/list", "wrong", 401) > before + 1.0, "a refusal is never remembered");
}

#[test]
fn what_the_component_sees_is_what_is_granted() {
    let asked = asking(&guest("auth-fixture"), "secrets = [\"password\"]");
    let with_secret = |component: &[u8]| {
        let setup = behind(component, "grants: {secrets: {password: {env: THE_PASSWORD}}}");
        setup.env("THE_PASSWORD", "from-the-secret").start()
    };
    let server = with_secret(&asked);
    server.get_as("/v2/", "alice", "from-the-secret").expect(200);
    assert!(!server.log().contains("from-the-secret"));
    let server = with_secret(&guest("auth-fixture"));
    server.get_as("/v2/", "alice", "from-the-secret").expect(401);
    server.get_as("/v2/", "alice", "secret").expect(200);
}

#[test]
fn everything_can_be_said_by_variables() {
    let directory = tempfile::tempdir().unwrap();
    let component = crate::support::plugin::put(directory.path(), "auth.wasm", &guest("auth-fixture"));
    let server = Server::setup()
        .env("REGISTRY_AUTH_PLUGIN_COMPONENT", component.to_str().unwrap())
        .env("REGISTRY_AUTH_PLUGIN_NAME", "door")
        .env("REGISTRY_AUTH_PLUGIN_CONFIG_USER", "carol")
        .env("REGISTRY_AUTH_PLUGIN_CONFIG", "{version: 9, password: from-a-variable}")
        .env("REGISTRY_AUTH_PLUGIN_LIMITS_CALL_TIME_MAX", "2s")
        .env("REGISTRY_AUTH_PLUGIN_ONFAILURE", "deny")
        .env("REGISTRY_PLUGINS_CACHE", directory.path().join("cache").to_str().unwrap())
        .start();
    assert_eq!(server.get("/v2/").expect(401).the("www-authenticate"), "Basic realm=\"auth-fixture 9\"");
    server.send(Request::get("/v2/").header("Authorization", basic("carol", "from-a-variable"))).expect(200);
    server.wait_for_log("plugin=door");
}
