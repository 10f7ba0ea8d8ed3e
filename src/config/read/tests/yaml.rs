//! YAML 1.1 as `distribution` reads it.

use std::path::Path;

use super::super::testing::{yaml, yaml_with};
use crate::config::log::Level;
use crate::config::storage::BlobDescriptorCache;

#[test]
fn booleans_and_octal_numbers_of_yaml_1_1() {
    let config = yaml_with(
        "  delete: {enabled: yes}\n  redirect: {disable: on}\nhttp: {relativeurls: Y}\ncatalog: {maxentries: 010}\n",
    )
    .silent();
    assert!(config.storage.delete.enabled && config.storage.redirect.disable && config.http.relativeurls);
    assert_eq!(config.catalog.maxentries, 8);
}

#[test]
fn a_text_keeps_what_was_written() {
    let config = yaml_with("auth: {htpasswd: {realm: on, path: 010}}\nhttp: {secret: 0123456789}\n").silent();
    let htpasswd = config.auth.htpasswd.unwrap();
    assert_eq!(htpasswd.realm, "on", "distribution makes a boolean of it and refuses it");
    assert_eq!(htpasswd.path, Path::new("010"));
    assert_eq!(config.http.secret.expose(), "0123456789", "distribution loses the leading zero");
}

#[test]
fn durations_are_go_text_or_nanoseconds() {
    let config = yaml_with("http: {draintimeout: 2h10m}\nredis: {dialtimeout: 10000000}\n").silent();
    assert_eq!(config.http.draintimeout.get().as_secs(), 7800);
    assert_eq!(config.redis.dialtimeout.get().as_millis(), 10);
}

#[test]
fn the_last_of_two_equal_keys_wins_and_is_reported() {
    let config = yaml_with("log:\n  level: debug\n  level: error\n").warned(&[
        "log.level",
        "config.yml line 7",
        "config.yml line 6",
    ]);
    assert_eq!(config.log.level, Level::Error);
}

#[test]
fn anchors_aliases_and_merged_keys() {
    let config = yaml_with(
        "health:\n  tcp:\n    - &a {addr: 'a:1', interval: 3s, threshold: 4}\n    - {<<: *a, addr: 'b:2'}\n    - <<: [*a]\n      addr: c:3\n",
    )
    .silent();
    let [_, b, c] = config.health.tcp.as_slice() else { panic!("{:?}", config.health.tcp) };
    assert_eq!((b.addr.as_str(), b.threshold), ("b:2", 4));
    assert_eq!((c.addr.as_str(), c.interval.get().as_secs()), ("c:3", 3));
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let mut bomb = "version: 0.1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    yaml(&bomb, &[]).refused(&["config.yml line", "more than 50000 values"]);
}

#[test]
fn nesting_cannot_fill_the_stack() {
    yaml(&"[".repeat(100_000), &[]).refused(&["config.yml line 1"]);
    yaml(&"- ".repeat(100_000), &[]).refused(&["config.yml line 1"]);
}

#[test]
fn an_alias_of_itself_is_refused() {
    yaml("version: 0.1\nstorage: &s {filesystem: *s}\n", &[]).refused(&["config.yml line 2", "YAML"]);
}

#[test]
fn unknown_keys_are_ignored_and_the_nearest_name_is_told() {
    yaml_with("http: {adr: ':5000'}\n").warned(&["http.adr", "config.yml line 5", "ignored", "\"addr\""]);
    yaml_with("httpp: {}\n").warned(&["httpp", "\"http\""]);
    yaml("version: 0.1\nstorage: {filesystem: {rootdirectori: /x}}\n", &[]).warned(&["\"rootdirectory\""]);
}

#[test]
fn keys_are_matched_in_their_case() {
    yaml_with("http: {Addr: ':5000'}\n").warned(&["http.Addr", "\"addr\""]);
}

#[test]
fn short_forms_of_a_driver_and_a_provider() {
    let config = yaml("version: 0.1\nstorage: inmemory\nauth: none\n", &[]).silent();
    assert!(config.storage.inmemory.is_some() && config.auth.none.is_some());
    let outcome = yaml("version: 0.1\nstorage: filesystem\nauth: htpasswd\n", &[]);
    assert_eq!(outcome.mistakes.len(), 2, "realm and path are missing: {:?}", outcome.mistakes);
    let directory = outcome.config.storage.filesystem.unwrap().rootdirectory;
    assert_eq!(directory, Path::new("/var/lib/registry"));
}

#[test]
fn a_driver_named_and_left_empty_is_chosen() {
    let config = yaml("version: 0.1\nstorage:\n  inmemory:\n", &[]).silent();
    assert!(config.storage.inmemory.is_some());
}

#[test]
fn an_empty_value_is_as_if_it_were_absent() {
    let config = yaml_with("http:\n  addr:\n  tls:\n    certificate: ~\nlog:\n").silent();
    assert_eq!(config.http.addr, "127.0.0.1:5000");
}

#[test]
fn old_names_are_read() {
    let config = yaml_with("loglevel: debug\n").silent();
    assert_eq!(config.log.level, Level::Debug);
    let config = yaml_with("log: {level: error}\nloglevel: debug\n").warned(&["loglevel", "log.level", "ignored"]);
    assert_eq!(config.log.level, Level::Error);

    let config = yaml_with("  cache: {layerinfo: inmemory}\n").silent();
    assert_eq!(config.storage.cache.blobdescriptor, BlobDescriptorCache::InMemory);

    let redis =
        yaml_with("redis: {addr: 'r:6379', pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}}\n").silent().redis;
    assert_eq!(&*redis.addrs, ["r:6379"]);
    assert_eq!((redis.maxidleconns, redis.poolsize, redis.connmaxidletime.get().as_secs()), (16, 64, 300));

    let config = yaml("version: 0.1\nstorage: {s3aws: {bucket: b, region: eu-west-1}}\n", &[]).silent();
    assert_eq!(config.storage.s3.unwrap().bucket, "b");
}

#[test]
fn old_words_are_read() {
    yaml_with("http: {tls: {minimumtls: tls1.0}}\n").warned(&["http.tls.minimumtls", "tls1.0", "TLS 1.2"]);
    let config = yaml_with("  cache: {blobdescriptor: memcached}\n").warned(&["memcached", "inmemory"]);
    assert_eq!(config.storage.cache.blobdescriptor, BlobDescriptorCache::None);
    assert_eq!(yaml_with("log: {level: DEBUG}\n").silent().log.level, Level::Debug);
}

#[test]
fn hooks_at_the_top_are_hooks_of_the_log() {
    let text = "hooks:\n  - type: mail\n    levels: [panic]\n    options:\n      \
                smtp: {addr: 'smtp.sendhost.com:25', username: sendername, password: password, insecure: true}\n      \
                from: name@sendhost.com\n      to: [name@receivehost.com]\n";
    let config = yaml_with(text).silent();
    let hook = &config.log.hooks[0];
    assert_eq!(hook.options.smtp.addr, "smtp.sendhost.com:25");
    assert!(hook.options.smtp.insecure);
    assert_eq!(&*hook.options.to, ["name@receivehost.com"]);
}

#[test]
fn a_second_document_is_ignored() {
    yaml_with("---\nhttp: {addr: ':1'}\n").warned(&["second document"]);
}

#[test]
fn what_is_no_yaml_is_named_with_its_line() {
    yaml("version: 0.1\nstorage:\n  filesystem: [\nhttp:\n", &[]).refused(&["config.yml line", "no valid YAML"]);
    yaml("version: 0.1\n? [a, b]\n: c\n", &[]).refused(&["config.yml line 2", "key"]);
}

#[test]
fn the_version_must_be_there_and_known() {
    let storage = "storage: inmemory\n";
    yaml(storage, &[]).refused(&["version", "0.1"]);
    yaml(&format!("version: 0.2\n{storage}"), &[]).refused(&["version", "config.yml line 1", "0.2", "0.1"]);
    yaml(&format!("version: \"0.1\"\n{storage}"), &[]).silent();
}
