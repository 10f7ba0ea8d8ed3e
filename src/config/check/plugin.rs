//! Plugins, wherever they are configured, and `plugins` and `admin`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Checker;
use super::shapes::{join, shown};
use crate::config::Config;
use crate::config::plugin::{Directory, OnFailure, Plugin, PluginLimits, SecretSource};
use crate::config::value::{ByteSize, Period};

/// The shortest token of the admin listener.
const TOKEN_CHARS_MIN: usize = 16;

/// What the engine has room for: elements of tables, instances, and the largest memory that 32 bits can address.
const TABLE_ELEMENTS_MAX: u32 = 1_000_000;
const INSTANCES_MAX: u32 = 500;
const MEMORY_BYTES_MAX: ByteSize = ByteSize::mib(4096);

/// Checks `admin`, and that no two plugins have one name: logs, metrics and commands tell them apart by it.
pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    admin(checker, config);
    for (index, login) in config.plugins.registries.iter().enumerate() {
        let key = format!("plugins.registries[{index}]");
        checker.required(&join(&key, "host"), login.host.is_empty(), "name the registry, such as registry.example");
        if login.host.contains('/') {
            let sentence = format!("is {}, but must be a host, as in registry.example:5000", shown(&login.host));
            checker.mistake(&join(&key, "host"), sentence);
        }
        checker.required(&join(&key, "username"), login.username.is_empty(), "name the user");
        secret(checker, &join(&key, "password"), &login.password);
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (key, name) in config.plugins_by_place().into_iter().map(|place| (place.key, place.name)) {
        if let Some(other) = names.insert(name.clone(), key.clone()) {
            let sentence = format!("is {name:?}, as that of {other} is; give each plugin a name of its own");
            checker.mistake(&join(&key, "name"), sentence);
        }
    }
}

/// Checks one plugin. `native`: whether `on-failure: native` has something to fall back to; `None` where it never can have.
pub(super) fn plugin(checker: &mut Checker<'_>, key: &str, plugin: &Plugin, native: Option<bool>) {
    let at = |name: &str| join(key, name);
    component(checker, &at("component"), &plugin.component);
    if !plugin.name.is_empty() && !plugin.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        let sentence = format!("is {}, but may hold letters, digits, -, _ and . only", shown(&plugin.name));
        checker.mistake(&at("name"), sentence);
    }
    match (plugin.on_failure, native) {
        (OnFailure::Deny, _) | (OnFailure::Native, Some(true)) => {}
        (OnFailure::Native, Some(false)) => {
            let sentence =
                "is \"native\", but there is no built-in provider beside the plugin; configure one, or use \"deny\"";
            checker.mistake(&at("on-failure"), sentence);
        }
        (OnFailure::Native, None) => {
            checker.mistake(&at("on-failure"), "is \"native\", which only auth.plugin can be; use \"deny\"");
        }
    }
    grants(checker, &at("grants"), plugin);
    limits(checker, &at("limits"), &plugin.limits);
}

fn component(checker: &mut Checker<'_>, key: &str, component: &str) {
    checker.required(key, component.is_empty(), "name a file, or oci://host/repository@sha256:…");
    let Some(reference) = component.strip_prefix("oci://") else { return };
    let pinned = reference.split_once("@sha256:");
    let is_digest = |hex: &str| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let fits = pinned.is_some_and(|(name, hex)| name.contains('/') && is_digest(hex));
    if !fits {
        let sentence = format!(
            "is {}, but must be pinned by its digest, as in oci://registry.example/plugins/auth@sha256:… with 64 digits",
            shown(component)
        );
        checker.mistake(key, sentence);
    }
}

fn grants(checker: &mut Checker<'_>, key: &str, plugin: &Plugin) {
    let grants = &plugin.grants;
    for (index, directory) in grants.directories.iter().enumerate() {
        self::directory(checker, &format!("{key}.directories[{index}]"), directory);
    }
    for (name, source) in &grants.secrets {
        secret(checker, &format!("{key}.secrets.{name}"), source);
        if plugin.config.contains_key(name) {
            let sentence =
                "stands in the plugin's config too, and a component sees one value for a key; rename one of them";
            checker.mistake(&format!("{key}.secrets.{name}"), sentence);
        }
    }
    let serve = &grants.serve;
    let path = serve.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let is_path = path.is_some_and(|path| {
        !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
    });
    if !serve.is_empty() && (!is_path || serve.parse::<::http::Uri>().is_err()) {
        let sentence = format!("is {}, but must be a path such as /auth/example/", shown(serve));
        checker.mistake(&join(key, "serve"), sentence);
    } else if path.is_some_and(|path| path.split('/').next() == Some("v2")) {
        checker.mistake(&join(key, "serve"), format!("is {}, where the registry's own API lies", shown(serve)));
    }
    if grants.tls && grants.sockets.is_empty() {
        checker.warning(&join(key, "tls"), "has no effect without sockets; wasi:http brings its own TLS");
    }
}

fn directory(checker: &mut Checker<'_>, key: &str, directory: &Directory) {
    let is_empty = directory.path.as_os_str().is_empty();
    checker.required(&join(key, "path"), is_empty, "name the directory on this machine");
    if !is_empty && !directory.path.is_absolute() {
        let path = shown(&directory.path.display().to_string());
        checker.mistake(&join(key, "path"), format!("is {path}, but must be absolute"));
    }
    if !directory.guest.is_empty() && !directory.guest.starts_with('/') {
        checker.mistake(&join(key, "guest"), format!("is {}, but must start with \"/\"", shown(&directory.guest)));
    }
}

fn secret(checker: &mut Checker<'_>, key: &str, source: &SecretSource) {
    let sentence = match (!source.file.as_os_str().is_empty(), !source.env.is_empty()) {
        (true, true) => "names a file and an environment variable; keep one",
        (false, false) => "names nothing; name a file, or an environment variable in env",
        _ => return,
    };
    checker.mistake(key, sentence);
}

fn limits(checker: &mut Checker<'_>, key: &str, limits: &PluginLimits) {
    let l = limits;
    let periods: [(&str, Period); 6] = [
        ("call_time_max", l.call_time_max),
        ("start_time_max", l.start_time_max),
        ("compile_time_max", l.compile_time_max),
        ("queue_time_max", l.queue_time_max),
        ("decision_time_max", l.decision_time_max),
        ("failure_backoff", l.failure_backoff),
    ];
    for (name, period) in periods {
        if period.is_zero() {
            let sentence = format!("is {period}, but must be longer than nothing; there is no value for \"unlimited\"");
            checker.mistake(&join(key, name), sentence);
        }
    }
    let sizes: [(&str, ByteSize, ByteSize); 6] = [
        ("component_bytes_max", l.component_bytes_max, ByteSize::mib(1024)),
        ("memory_bytes_max", l.memory_bytes_max, MEMORY_BYTES_MAX),
        ("outgoing_bytes_max", l.outgoing_bytes_max, ByteSize::new(u64::MAX)),
        ("incoming_bytes_max", l.incoming_bytes_max, ByteSize::new(u64::MAX)),
        ("keyvalue_bytes_max", l.keyvalue_bytes_max, ByteSize::new(u64::MAX)),
        ("log_line_bytes_max", l.log_line_bytes_max, ByteSize::mib(64)),
    ];
    for (name, size, max) in sizes {
        between(checker, &join(key, name), size, ByteSize::new(1), max);
    }
    let numbers: [(&str, u32, u32); 8] = [
        ("table_elements_max", l.table_elements_max, TABLE_ELEMENTS_MAX),
        ("resources_max", l.resources_max, u32::MAX),
        ("instances_max", l.instances_max, INSTANCES_MAX),
        ("queued_calls_max", l.queued_calls_max, u32::MAX),
        ("connections_max", l.connections_max, u32::MAX),
        ("log_lines_per_second_max", l.log_lines_per_second_max, u32::MAX),
        ("decisions_max", l.decisions_max, u32::MAX),
        ("failures_max", l.failures_max, u32::MAX),
    ];
    for (name, number, max) in numbers {
        between(checker, &join(key, name), number, 1, max);
    }
}

fn between<T: PartialOrd + std::fmt::Display>(checker: &mut Checker<'_>, key: &str, value: T, min: T, max: T) {
    if value < min {
        checker.mistake(key, format!("is {value}, but must be at least {min}; there is no value for \"unlimited\""));
    } else if value > max {
        checker.mistake(key, format!("is {value}, but must be at most {max}"));
    }
}

fn admin(checker: &mut Checker<'_>, config: &Config) {
    let admin = &config.admin;
    if !admin.addr.is_empty() {
        let key = "admin.addr";
        match admin.addr.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => {}
            Ok(_) => {
                let sentence = format!("is {}, which others could reach; use a loopback address", shown(&admin.addr));
                checker.mistake(key, sentence);
            }
            Err(_) => {
                let sentence =
                    format!("is {}, but must be a loopback address such as 127.0.0.1:5002", shown(&admin.addr));
                checker.mistake(key, sentence);
            }
        }
        let short = admin.token.expose().chars().count() < TOKEN_CHARS_MIN;
        let sentence = format!("is missing or short; give {TOKEN_CHARS_MIN} characters at least, or use admin.socket");
        if short {
            checker.mistake("admin.token", sentence);
        }
    } else if !admin.token.is_empty() {
        checker.warning("admin.token", "has no effect without admin.addr; who may open admin.socket needs no token");
    }
}
