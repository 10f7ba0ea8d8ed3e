//! `REGISTRY_*`, row by row.

use std::path::Path;

use serde_json::json;

use super::super::testing::{Outcome, variables, yaml};
use crate::config::log::{Formatter, Level};
use crate::config::storage::BlobDescriptorCache;

/// The default file of the images.
const IMAGE: &str = "version: 0.1\nlog:\n  fields:\n    service: registry\nstorage:\n  cache:\n    blobdescriptor: inmemory\n  \
                     filesystem:\n    rootdirectory: /var/lib/registry\nhttp:\n  addr: :5000\n  headers:\n    \
                     X-Content-Type-Options: [nosniff]\nhealth:\n  storagedriver:\n    enabled: true\n    interval: 10s\n    \
                     threshold: 3\n";

fn over_image(variables: &[(&str, &str)]) -> Outcome {
    yaml(IMAGE, variables)
}

#[test]
fn the_image_file_alone_is_silent() {
    let config = over_image(&[("GODEBUG", "netdns=cgo"), ("REGISTRY_CONFIGURATION_PATH", "/x")]).silent();
    assert_eq!(config.http.addr, ":5000");
    assert_eq!(config.health.storagedriver.threshold, 3);
}

#[test]
fn single_values_of_every_kind() {
    let config = over_image(&[
        ("REGISTRY_LOG_LEVEL", "debug"),
        ("REGISTRY_LOG_FORMATTER", "logstash"),
        ("REGISTRY_HTTP_SECRET", "s3cr3t"),
        ("REGISTRY_HTTP_DRAINTIMEOUT", "30s"),
        ("REGISTRY_HTTP_RELATIVEURLS", "true"),
        ("REGISTRY_HTTP_TLS_CLIENTCAS", "[/a.pem, /b.pem]"),
        ("REGISTRY_HTTP_TLS_CERTIFICATE", "/c.pem"),
        ("REGISTRY_HTTP_TLS_KEY", "/k.pem"),
        ("REGISTRY_HTTP_HEADERS", "{X-A: [b], X-C: d}"),
        ("REGISTRY_CATALOG_MAXENTRIES", "5"),
        ("REGISTRY_STORAGE_DELETE_ENABLED", "true"),
        ("REGISTRY_TAGS_MAXTAGS", "77"),
    ])
    .silent();
    assert_eq!((config.log.level, config.log.formatter), (Level::Debug, Formatter::Logstash));
    assert_eq!(config.http.secret.expose(), "s3cr3t");
    assert_eq!(&*config.http.tls.clientcas, ["/a.pem", "/b.pem"]);
    assert_eq!(&*config.http.headers["X-C"], ["d"]);
    assert!(!config.http.headers.contains_key("X-Content-Type-Options"), "the whole section was replaced");
    assert_eq!((config.catalog.maxentries, config.tags.maxtags), (5, 77));
    assert!(config.storage.delete.enabled);
}

#[test]
fn the_last_piece_may_be_written_small_below_storage_and_auth() {
    let config = over_image(&[("REGISTRY_STORAGE_FILESYSTEM_rootdirectory", "/a")]).silent();
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("/a"));
}

#[test]
fn elsewhere_small_letters_are_not_found() {
    let config = over_image(&[("REGISTRY_HTTP_addr", ":1")]).warned(&["REGISTRY_HTTP_addr", "ignored", "\"ADDR\""]);
    assert_eq!(config.http.addr, ":5000");
}

#[test]
fn a_small_piece_in_the_middle_does_not_throw_the_driver_away() {
    let outcome = over_image(&[
        ("REGISTRY_STORAGE_FILESYSTEM_MAXTHREADS", "50"),
        ("REGISTRY_STORAGE_filesystem_ROOTDIRECTORY", "/a"),
    ]);
    let config = outcome.warned(&["FILESYSTEM in capitals"]);
    let filesystem = config.storage.filesystem.unwrap();
    assert_eq!((filesystem.maxthreads, filesystem.rootdirectory.as_path()), (50, Path::new("/a")));
}

#[test]
fn a_plain_driver_name_replaces_the_whole_section() {
    let config = over_image(&[("REGISTRY_STORAGE", "inmemory")]).silent();
    assert!(config.storage.filesystem.is_none() && config.storage.inmemory.is_some());

    let file = format!("{IMAGE}auth:\n  htpasswd: {{realm: r, path: p}}\n");
    let config = yaml(&file, &[("REGISTRY_AUTH", "none")]).silent();
    assert!(config.auth.htpasswd.is_none());

    // Further variables fill it again; its old cache and deletion are gone.
    let file = IMAGE.replace("  cache:", "  delete: {enabled: true}\n  cache:");
    let config =
        yaml(&file, &[("REGISTRY_STORAGE", "filesystem"), ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/new")])
            .silent();
    assert!(!config.storage.delete.enabled);
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("/new"));
}

#[test]
fn a_second_driver_is_refused_with_the_way_out() {
    let outcome = over_image(&[("REGISTRY_STORAGE_INMEMORY", "{}")]);
    outcome.refused(&[
        "filesystem (config.yml line 8)",
        "variable REGISTRY_STORAGE_INMEMORY",
        "REGISTRY_STORAGE=inmemory",
    ]);
}

#[test]
fn every_way_into_read_only_mode_works() {
    let file = IMAGE.replace("  cache:", "  maintenance: {readonly: {enabled: false}}\n  cache:");
    for text in [IMAGE, file.as_str()] {
        for (name, value) in [
            ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
            ("REGISTRY_STORAGE_MAINTENANCE_READONLY", r#"{"enabled":true}"#),
            ("REGISTRY_STORAGE_MAINTENANCE", "{readonly: {enabled: true}}"),
        ] {
            let config = yaml(text, &[(name, value)]).silent();
            assert!(config.storage.maintenance.readonly.enabled, "{name}");
            assert!(config.storage.maintenance.uploadpurging.enabled, "{name}");
        }
    }
}

#[test]
fn upload_purging_is_turned_off_by_its_variable() {
    let config = over_image(&[("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED", "false")]).silent();
    let purging = config.storage.maintenance.uploadpurging;
    assert!(!purging.enabled);
    assert_eq!(purging.age.get().as_secs(), 168 * 3600);
}

#[test]
fn lists_of_texts_take_indexes() {
    let names: Vec<String> = (0..12).map(|index| format!("REGISTRY_HTTP_TLS_CLIENTCAS_{index}")).collect();
    let values: Vec<String> = (0..12).map(|index| format!("/{index}.pem")).collect();
    let mut pairs: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
    pairs.extend([("REGISTRY_HTTP_TLS_CERTIFICATE", "/c"), ("REGISTRY_HTTP_TLS_KEY", "/k")]);
    let config = over_image(&pairs).silent();
    assert_eq!(&*config.http.tls.clientcas, values.as_slice(), "10 comes after 2");
}

#[test]
fn lists_of_sections_take_indexes() {
    let config = over_image(&[
        ("REGISTRY_HEALTH_TCP_0_ADDR", "a:1"),
        ("REGISTRY_HEALTH_TCPCHECKERS_0_THRESHOLD", "2"),
        ("REGISTRY_HEALTH_TCPCHECKERS_1", "{addr: 'b:2'}"),
        ("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "/f"),
        ("REGISTRY_HEALTH_HTTPCHECKERS_0_URI", "http://a/"),
        ("REGISTRY_HEALTH_HTTP_0_STATUSCODE", "204"),
    ])
    .silent();
    assert_eq!((config.health.tcp[0].addr.as_str(), config.health.tcp[0].threshold), ("a:1", 2));
    assert_eq!(config.health.tcp[1].addr, "b:2");
    assert_eq!(config.health.http[0].statuscode, 204);
    assert_eq!(config.health.file[0].file, Path::new("/f"));
}

#[test]
fn an_index_beyond_the_end_or_no_index_is_refused() {
    over_image(&[("REGISTRY_HEALTH_TCP_1_ADDR", "a:1")]).refused(&[
        "REGISTRY_HEALTH_TCP_1_ADDR",
        "health.tcp",
        "write 0",
    ]);
    over_image(&[("REGISTRY_HEALTH_TCP_ADDR", "a:1")]).refused(&["\"ADDR\" is no index"]);
}

#[test]
fn names_from_the_source_code_and_names_of_the_file_are_both_taken() {
    for name in
        ["REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES", "REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES"]
    {
        assert!(over_image(&[(name, "true")]).silent().notifications.events.includereferences, "{name}");
    }
    for options in ["MAILOPTIONS", "OPTIONS"] {
        let name = |key: &str| format!("REGISTRY_LOG_HOOKS_0_{options}_{key}");
        let config = over_image(&[
            ("REGISTRY_LOG_HOOKS_0_TYPE", "mail"),
            ("REGISTRY_LOG_HOOKS_0_LEVELS", "[panic]"),
            (&name("SMTP_ADDR"), "s:25"),
            (&name("FROM"), "a@b"),
            (&name("TO"), "[c@d]"),
        ])
        .silent();
        assert_eq!(config.log.hooks[0].options.smtp.addr, "s:25");
    }
    for name in ["REGISTRY_REDIS_ADDRS", "REGISTRY_REDIS_OPTIONS_ADDRS"] {
        assert_eq!(&*over_image(&[(name, "[r:1]")]).silent().redis.addrs, ["r:1"], "{name}");
    }
}

#[test]
fn keys_of_several_words_are_reached() {
    for name in ["REGISTRY_HTTP_LIMITS_REQUESTS_MAX", "REGISTRY_HTTP_LIMITS_REQUESTSMAX"] {
        assert_eq!(over_image(&[(name, "9")]).silent().http.limits.requests_max, 9, "{name}");
    }
    let azure = [("REGISTRY_STORAGE", "azure"), ("REGISTRY_STORAGE_AZURE_MAX_RETRIES", "7")];
    assert_eq!(variables(&azure).config.storage.azure.unwrap().max_retries, 7);
}

#[test]
fn maps_take_small_names_and_keep_the_names_of_the_file() {
    let config =
        over_image(&[("REGISTRY_LOG_FIELDS_SERVICE", "other"), ("REGISTRY_LOG_FIELDS_ENVIRONMENT", "staging")])
            .silent();
    assert_eq!(json!(config.log.fields), json!({"service": "other", "environment": "staging"}));
    let config = over_image(&[("REGISTRY_HTTP_HEADERS_X", "[y]")]).silent();
    assert_eq!(&*config.http.headers["x"], ["y"]);
}

#[test]
fn an_empty_variable_gives_the_default_back() {
    let config = over_image(&[("REGISTRY_LOG_LEVEL", ""), ("REGISTRY_HTTP_SECRET", "")]).silent();
    assert_eq!(config.log.level, Level::Info);
    assert!(config.http.secret.is_empty());
}

#[test]
fn values_are_yaml_and_texts_that_are_none_are_taken_as_they_are() {
    let secret = |value: &str| over_image(&[("REGISTRY_HTTP_SECRET", value)]);
    assert_eq!(secret("'quoted'").silent().http.secret.expose(), "quoted");
    assert_eq!(secret("@not: yaml {").silent().http.secret.expose(), "@not: yaml {");
    assert_eq!(secret("a: b").silent().http.secret.expose(), "a: b");
    assert_eq!(secret("[x]").silent().http.secret.expose(), "[x]");
    assert_eq!(secret("a//b # c").warned(&["REGISTRY_HTTP_SECRET", "comment"]).http.secret.expose(), "a//b");
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_variable() {
    over_image(&[("REGISTRY_CATALOG_MAXENTRIES", "many")]).refused(&[
        "catalog.maxentries",
        "REGISTRY_CATALOG_MAXENTRIES",
        "many",
    ]);
    over_image(&[("REGISTRY_HTTP_HEADERS", "{")]).refused(&["http.headers", "REGISTRY_HTTP_HEADERS", "YAML"]);
    over_image(&[("REGISTRY_STORAGE_REDIRECT_DISABLE", "maybe")])
        .refused(&["storage.redirect.disable", "true or false"]);
}

#[test]
fn unknown_variables_are_warned_of() {
    over_image(&[("REGISTRY_HTPP_ADDR", "x")]).warned(&["REGISTRY_HTPP_ADDR", "ignored", "HTTP"]);
    over_image(&[("REGISTRY_HTTP_ADDR_X", "x")]).warned(&["http.addr", "single value"]);
    over_image(&[("REGISTRY_", "x")]).warned(&["ignored"]);
}

#[test]
fn an_unknown_driver_or_provider_is_refused() {
    over_image(&[("REGISTRY_STORAGE_FILESISTEM_ROOTDIRECTORY", "/x")]).refused(&["FILESISTEM", "\"FILESYSTEM\""]);
    variables(&[("REGISTRY_STORAGE", "S4")]).refused(&["storage.S4", "\"s3\""]);
    variables(&[("REGISTRY_STORAGE", "rados")]).refused(&["rados", "Ceph", "\"s3\""]);
    variables(&[("REGISTRY_AUTH", "htpaswd")]).refused(&["auth.htpaswd", "\"htpasswd\""]);
}

#[test]
fn what_kubernetes_sets_is_only_warned_of() {
    for name in [
        "REGISTRY_PORT",
        "REGISTRY_PORT_5000_TCP",
        "REGISTRY_PORT_5000_TCP_ADDR",
        "REGISTRY_PORT_5000_TCP_PROTO",
        "REGISTRY_SERVICE_HOST",
        "REGISTRY_SERVICE_PORT",
        "REGISTRY_SERVICE_PORT_HTTP",
        "REGISTRY_STORAGE_PORT",
        "REGISTRY_STORAGE_PORT_80_TCP_PORT",
        "REGISTRY_AUTH_SERVICE_HOST",
        "REGISTRY_REDIS_PORT_6379_TCP",
        "REGISTRY_HTTP_SERVICE_PORT",
    ] {
        over_image(&[(name, "tcp://10.0.0.1:80")]).warned(&[name, "Kubernetes", "enableServiceLinks"]);
    }
}

#[test]
fn variables_apply_without_a_file() {
    let config =
        variables(&[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/srv"), ("REGISTRY_HTTP_ADDR", ":80")]).silent();
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("/srv"));
    assert_eq!(config.http.addr, ":80");
}

#[test]
fn the_cache_in_redis_needs_an_address() {
    let redis = [("REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR", "redis"), ("REGISTRY_REDIS_ADDR", "r:6379")];
    let config = over_image(&redis).silent();
    assert_eq!(config.storage.cache.blobdescriptor, BlobDescriptorCache::Redis);
    over_image(&redis[..1]).refused(&["redis.addrs"]);
}

#[test]
fn a_variable_that_leads_nowhere_leaves_nothing_behind() {
    let config = over_image(&[("REGISTRY_STORAGE_S3_PORT", "tcp://10.0.0.1:80")]).warned(&["Kubernetes"]);
    assert!(config.storage.s3.is_none(), "a service called registry-storage-s3 chooses no driver");
    let config = over_image(&[("REGISTRY_HEALTH_TCP_0_ADRESS", "x")]).warned(&["ADDR"]);
    assert!(config.health.tcp.is_empty());
    let endless = format!("REGISTRY_LOG_FIELDS{}", "_A".repeat(100_000));
    assert!(!over_image(&[(&endless, "x")]).accepted().log.fields.contains_key("a"));
}
