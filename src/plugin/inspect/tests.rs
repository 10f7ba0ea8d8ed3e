use super::*;
use crate::config::plugin::{Grants, Plugin};
use crate::config::value::Strings;
use crate::plugin::manifest::embed;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A component that imports and exports instances of nothing under these names.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let mut out = COMPONENT.to_vec();
    let mut section = |id: u8, content: Vec<u8>| {
        out.push(id);
        out.push(u8::try_from(content.len()).unwrap());
        out.extend(content);
    };
    let named = |name: &str| [&[0, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    // An instance type without members; imports of it; an instance out of nothing; exports of that.
    section(7, vec![1, 0x42, 0]);
    for import in imports {
        section(10, [&[1][..], &named(import), &[5, 0]].concat());
    }
    section(5, vec![1, 1, 0]);
    let instance = u8::try_from(imports.len()).unwrap();
    for export in exports {
        section(11, [&[1][..], &named(export), &[5, instance, 0]].concat());
    }
    out
}

#[test]
fn worlds_are_known_by_what_is_exported() {
    for (imports, exports, world) in [
        (vec![], vec!["wharf:auth/provider@0.1.0"], World::AuthProvider),
        (vec![], vec!["wharf:notify/hook@0.1.3"], World::NotificationHook),
        (vec![], vec!["wharf:storage/backend@0.1.0", "wharf:storage/batches@0.1.0"], World::StorageBackend),
        (vec!["wharf:storage/backend@0.1.0"], vec!["wharf:storage/backend@0.1.0"], World::StorageLayer),
    ] {
        let description = Description::read(&component(&imports, &exports)).unwrap();
        assert_eq!(
            (description.world, description.exports, description.imports.len()),
            (world, exports.iter().map(ToString::to_string).collect(), imports.len())
        );
    }
}

#[test]
fn what_is_no_plugin_is_told_with_the_mend() {
    for (bytes, sentence) in [
        (
            component(&[], &["wharf:storage/backend@0.2.0"]),
            "this component exports wharf:storage@0.2.0; this server speaks 0.1. Build it with the WIT files of \
             wharf:storage@0.1.0, or run a server that speaks 0.2.0",
        ),
        (component(&[], &[]), "this component exports nothing; a plugin exports one of wharf:storage/backend@0.1.0"),
        (component(&[], &["wasi:cli/run@0.2.0"]), "this component exports wasi:cli/run@0.2.0; a plugin exports one of"),
        (
            component(&[], &["wharf:auth/provider@0.1.0", "wharf:notify/hook@0.1.0"]),
            "is a auth-provider and a notification-hook at once",
        ),
        (b"\0asm\x01\0\0\0".to_vec(), "this is a WebAssembly module, and a plugin is a component"),
        (b"#!/bin/sh\n".to_vec(), "this is no WebAssembly"),
        (Vec::new(), "this is no WebAssembly"),
    ] {
        let problem = Description::read(&bytes).unwrap_err();
        assert!(problem.contains(sentence), "{problem}");
    }
}

#[test]
fn a_report_shows_what_is_asked_and_what_is_got() {
    let manifest = "name = \"hook\"\nversion = \"1.2.0\"\ndescription = \"tells\\u001b[31m\"\nworld = \"auth-provider\"\n\
                    [asks]\nhosts = [\"*\"]\nsecrets = [\"key\", \"other\"]\n[config.url]\ndescription = \"where\"\nrequired = true\n";
    let bytes = embed(&component(&[], &["wharf:notify/hook@0.1.0"]), manifest).unwrap();
    let mut plugin = Plugin::default();
    plugin.config.insert("uri".into(), "x".into());
    plugin.grants =
        Grants { hosts: Strings::one("https://a.example"), keyvalue: Strings::one("k"), ..Grants::default() };
    plugin
        .grants
        .secrets
        .insert("key".into(), crate::config::plugin::SecretSource { env: "SECRET_ENV".into(), ..Default::default() });
    let report =
        Report::new("hook.wasm", Description::read(&bytes).unwrap()).with_configuration("hook-a", &plugin).unwrap();
    let text = report.to_string();
    for line in [
        "  name         hook 1.2.0",
        "  about        tells\\u{1b}[31m",
        "  world        wharf:notify/notification-hook@0.1.0",
        "  hosts        *",
        "gets, as hook-a of the configuration",
        "  hosts        https://a.example",
        "  secrets      key",
        "  * its manifest says that it is a auth-provider, but it is a notification-hook; mend world in its plugin.toml",
        "  * not granted: it asks for secrets \"other\", which is not granted; if it should have it, add it to grants.secrets",
        "  * config.url is missing: where",
        "  * config.uri is no key that its manifest knows",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("* not asked for: it is granted keyvalue \"k\""), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["world"], &json["gets"]["hosts"][0]), (&"notification-hook".into(), &"https://a.example".into()));
    let nothing =
        Report::new("x", Description::read(&component(&[], &["wharf:auth/provider@0.1.0"])).unwrap()).to_string();
    assert!(nothing.contains("asks for\n  nothing\n") && nothing.contains("carries no manifest"), "{nothing}");
}
