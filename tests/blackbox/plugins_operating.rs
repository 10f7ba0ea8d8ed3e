//! What an operator does with plugins beside swapping them: health checks, the admin port, components behind a login.

use crate::support::patience::wait_for;
use crate::support::plugin::{behind, guest, push_component, put, variant};
use crate::support::server::free_address;
use crate::support::{Request, Server};

#[test]
fn an_auth_plugin_that_is_out_of_service_is_an_ill_server() {
    let lines = "config: {misbehave: trap, misbehave-path: evil}\nlimits: {failures_max: 2, failure_backoff: 60s}";
    let setup = behind(&guest("auth-fixture"), lines);
    let server = setup.section("health: {plugins: {enabled: true, interval: 20ms}}").start();
    let health = || server.debug("/debug/health");
    let until = |status: u16| {
        wait_for(|| Some(health()).filter(|answer| answer.status == status), || health().to_string()).text()
    };
    until(200);
    server.get_as("/v2/", "alice", "secret").expect(200);
    for _ in 0..2 {
        server.get_as("/v2/evil/tags/list", "alice", "secret").expect(503);
    }
    let report = until(503);
    assert!(report.contains("plugin_auth") && report.contains("out of service"), "{report}");
    server.get_as("/v2/", "alice", "secret").expect(503);
    server.swap("auth", &put(server.directory(), "next.wasm", &variant(&guest("auth-fixture"), 2)));
    until(200);
    server.get_as("/v2/", "alice", "secret").expect(200);
}

#[test]
fn the_command_line_works_over_the_admin_port_too() {
    let address = free_address().to_string();
    let component = guest("auth-fixture");
    let setup = behind(&component, "");
    let (first, second) =
        (setup.directory().join("auth.wasm"), put(setup.directory(), "2.wasm", &variant(&component, 2)));
    let config = |token: &str| {
        format!(
            "version: 0.1\nstorage: {{inmemory: {{}}}}\nhttp: {{addr: ADDRESS}}\nauth: {{plugin: {{component: {}}}}}\n\
             plugins: {{cache: DATA/cache}}\nadmin: {{addr: '{address}', token: {token}}}\n",
            first.display()
        )
    };
    let server = setup.config_text(&config("0123456789abcdef")).start();
    assert!(server.plugin_done(&["list"]).contains("version 1"));
    let told = server.plugin_done(&["swap", "auth", second.to_str().unwrap()]);
    assert!(told.contains("version 2 is in service"), "{told}");
    assert!(server.plugin_done(&["rollback", "auth"]).contains("version 1 is in service"));
    let text = std::fs::read_to_string(server.config()).unwrap();
    std::fs::write(server.config(), text.replace("0123456789abcdef", "fedcba9876543210")).unwrap();
    let told = server.plugin_refused(&["list"]);
    assert!(told.contains("the token is missing or wrong"), "{told}");
}

/// A server whose auth plugin is to be swapped for one from a registry.
fn pulling(login: Option<(&str, &str)>) -> Server {
    let setup = behind(&guest("auth-fixture"), "").env("THE_PASSWORD", "secret");
    let file = setup.directory().join("password");
    std::fs::write(&file, "secret\n").unwrap();
    let Some((host, password)) = login else { return setup.start() };
    let password = password.replace("FILE", file.to_str().unwrap());
    let logins = format!("[{{host: '{host}', username: alice, password: {password}}}]");
    setup.env("REGISTRY_PLUGINS_REGISTRIES", &logins).start()
}

/// Registries that want a password, and that want a token which is given for one.
#[test]
fn components_come_from_registries_behind_a_login() {
    let open = Server::start();
    let reference = push_component(&open, &variant(&guest("auth-fixture"), 5));
    let (_, digest) = reference.split_once('@').unwrap();
    let passwords = open.directory().join("htpasswd");
    std::fs::write(&passwords, format!("alice:{}\n", bcrypt::hash("secret", 4).unwrap())).unwrap();
    let basic = open.its_setup().keeping(&open).env("REGISTRY_AUTH_HTPASSWD_REALM", "r");
    let basic = basic.env("REGISTRY_AUTH_HTPASSWD_PATH", passwords.to_str().unwrap()).start();
    let token = behind(&guest("auth-page"), "grants: {serve: /auth/page/}").data(open.data()).start();
    for registry in [&basic, &token] {
        let reference = format!("oci://{}/plugins/auth@{digest}", registry.host());
        for password in ["{file: FILE}", "{env: THE_PASSWORD}"] {
            let server = pulling(Some((&registry.host(), password)));
            let told = server.plugin_done(&["swap", "auth", &reference]);
            assert!(told.contains("version 2 is in service"), "{told}");
        }
        let told = pulling(None).plugin_refused(&["swap", "auth", &reference]);
        assert!(told.contains("plugins.registries"), "{told}");
        let wrong = pulling(Some((&registry.host(), "{env: CARGO_PKG_NAME}")));
        let told = wrong.plugin_refused(&["swap", "auth", &reference]);
        assert!(told.contains("alice") || told.contains("environment variable"), "{told}");
        // A login is for its registry, and no other one sees it.
        let elsewhere = pulling(Some(("registry.example", "{file: FILE}")));
        assert!(elsewhere.plugin_refused(&["swap", "auth", &reference]).contains("plugins.registries"));
    }
    open.send(Request::get("/v2/")).expect(200);
}
