//! Row by row: what is wrong, and the words that must stand in the one sentence about it.

use super::super::read::testing::{toml, yaml, yaml_with};
use crate::config::to_toml;

/// Below a YAML file that names a local directory: text, and words of its one mistake.
const MISTAKES: &[(&str, &[&str])] = &[
    ("policy: {repository: {classes: image}}", &["policy.repository.classes", "not active yet"]),
    ("http: {addr: localhost}", &["http.addr", "\"localhost\"", "port", "127.0.0.1:5000"]),
    ("http: {addr: '::1:5000'}", &["http.addr", "brackets"]),
    ("http: {net: udp}", &["http.net", "\"udp\"", "\"tcp\" or \"unix\""]),
    ("http: {net: unix}", &["http.addr", "path of the socket"]),
    ("http: {prefix: registry}", &["http.prefix", "\"registry\"", "\"/\""]),
    ("http: {headers: {'a b': [c]}}", &["http.headers.a b", "header"]),
    ("http: {headers: {a: [\"b\\nc\"]}}", &["http.headers.a", "line breaks"]),
    ("http: {draintimeout: 10 minutes}", &["http.draintimeout", "\"10 minutes\"", "300s"]),
    ("http: {relativeurls: perhaps}", &["http.relativeurls", "true or false"]),
    ("http: []", &["http", "a list", "section"]),
    ("http: {debug: {addr: nowhere}}", &["http.debug.addr", "nowhere"]),
    ("http: {addr: ':1', debug: {addr: ':1'}}", &["http.debug.addr", "port of its own"]),
    ("http: {debug: {prometheus: {path: metrics}}}", &["http.debug.prometheus.path", "\"/\""]),
    ("http: {tls: {certificate: /c}}", &["http.tls.key", "missing"]),
    ("http: {tls: {key: /k}}", &["http.tls.certificate", "missing"]),
    ("http: {tls: {clientcas: [/ca]}}", &["http.tls.clientcas", "TLS is off"]),
    ("http: {tls: {minimumtls: tls1.9}}", &["http.tls.minimumtls", "tls1.9", "\"tls1.2\" or \"tls1.3\""]),
    (
        "http: {tls: {certificate: /c, key: /k, clientcas: /ca, clientauth: require}}",
        &["http.tls.clientauth", "\"require\"", "require-and-verify-client-cert"],
    ),
    (
        "http: {tls: {certificate: /c, key: /k, ciphersuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA265, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}}",
        &["http.tls.ciphersuites[0]", "did you mean \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\""],
    ),
    ("http: {tls: {letsencrypt: {cachefile: /c}}}", &["http.tls.letsencrypt", "not active yet"]),
    ("http: {limits: {header_bytes_max: 100}}", &["http.limits.header_bytes_max", "8KiB"]),
    ("http: {limits: {requests_max: 0}}", &["http.limits.requests_max", "at least 1"]),
    ("http: {limits: {idle_timeout: 0s}}", &["http.limits.idle_timeout", "unlimited"]),
    ("http: {limits: {manifest_bytes_max: 4 megs}}", &["http.limits.manifest_bytes_max", "4 megs", "4MiB"]),
    ("log: {level: chatty}", &["log.level", "\"chatty\"", "\"error\", \"warn\", \"info\" or \"debug\""]),
    ("log: {level: wran}", &["log.level", "did you mean \"warn\"?"]),
    ("log: {formatter: combined}", &["log.formatter", "\"text\", \"json\" or \"logstash\""]),
    ("log: {hooks: [{levels: panic}]}", &["log.hooks[0].type", "mail"]),
    ("log: {hooks: [{type: plugin, levels: panic}]}", &["log.hooks[0].plugin", "name the component"]),
    ("notifications: {plugins: [{component: a.wasm, actions: [posh]}]}", &["notifications.plugins[0].actions", "posh"]),
    ("notifications: {queue: {events_max: 0}}", &["notifications.queue.events_max", "more than nothing"]),
    ("auth: {htpasswd: {realm: r}}", &["auth.htpasswd.path", "missing"]),
    ("auth: {htpasswd: {path: p}}", &["auth.htpasswd.realm", "missing"]),
    (
        "auth: {htpasswd: {realm: r, path: p}, silly: {realm: r, service: s}}",
        &["auth", "htpasswd", "silly", "keep one"],
    ),
    ("auth: {token: {realm: r, service: s, issuer: i}}", &["auth.token.rootcertbundle", "jwks"]),
    ("auth: {token: {realm: r, service: s, jwks: j}}", &["auth.token.issuer", "missing"]),
    (
        "auth: {token: {realm: r, service: s, issuer: i, jwks: j, signingalgorithms: [RS255]}}",
        &["auth.token.signingalgorithms[0]", "did you mean \"RS256\"?"],
    ),
    ("auth: {tokn: {}}", &["auth.tokn", "\"token\""]),
    ("auth: {access: [{repositories: a, actions: pull}]}", &["auth.access[0].who", "missing"]),
    ("auth: {access: [{who: '*', actions: read}]}", &["auth.access[0].actions", "\"read\"", "\"pull\""]),
    ("auth: {access: [{who: '*', repositories: 'team**'}]}", &["auth.access[0].repositories", "whole component"]),
    ("auth: {access: [{who: '*', repositories: '[a'}]}", &["auth.access[0].repositories", "no glob"]),
    ("auth: {plugin: {name: a}}", &["auth.plugin.component", "missing"]),
    ("auth: {plugin: {component: 'oci://host/a:1'}}", &["auth.plugin.component", "pinned", "@sha256:"]),
    ("auth: {plugin: {component: a.wasm, name: a b}}", &["auth.plugin.name", "letters"]),
    ("auth: {plugin: {component: a.wasm, on-failure: native}}", &["auth.plugin.on-failure", "no built-in provider"]),
    ("auth: {plugin: {component: a.wasm, on-failure: allow}}", &["auth.plugin.on-failure", "\"deny\" or \"native\""]),
    ("auth: {plugin: {component: a.wasm}, htpasswd: {realm: r, path: p}}", &["auth", "keep one", "on-failure"]),
    ("auth: {plugin: {component: a.wasm, grants: {serve: auth/a}}}", &["auth.plugin.grants.serve", "/auth/example/"]),
    ("auth: {plugin: {component: a.wasm, grants: {serve: /v2/a/}}}", &["auth.plugin.grants.serve", "own API"]),
    ("auth: {plugin: {component: a.wasm, grants: {directories: [{guest: /a}]}}}", &["directories[0].path", "missing"]),
    ("auth: {plugin: {component: a.wasm, grants: {directories: [{path: a}]}}}", &["directories[0].path", "absolute"]),
    ("auth: {plugin: {component: a.wasm, grants: {secrets: {key: {}}}}}", &["grants.secrets.key", "names nothing"]),
    (
        "auth: {plugin: {component: a.wasm, config: {key: a}, grants: {secrets: {key: {env: A}}}}}",
        &["grants.secrets.key", "rename"],
    ),
    ("auth: {plugin: {component: a.wasm, limits: {call_time_max: 0s}}}", &["limits.call_time_max", "unlimited"]),
    ("auth: {plugin: {component: a.wasm, limits: {instances_max: 501}}}", &["limits.instances_max", "at most 500"]),
    ("  redirect: {networks: [10.0.0.1/8]}", &["storage.redirect.networks", "10.0.0.1/8"]),
    ("  redirect: {networks: office}", &["storage.redirect.networks", "\"office\""]),
    ("  requests: {work_timeout: 0s}", &["storage.requests.work_timeout"]),
    ("auth: {plugin: {component: a.wasm, limits: {memory_bytes_max: 5GiB}}}", &["memory_bytes_max", "at most 4GiB"]),
    ("admin: {addr: '0.0.0.0:5002', token: 0123456789abcdef}", &["admin.addr", "loopback"]),
    ("admin: {addr: '127.0.0.1:5002', token: short}", &["admin.token", "16 characters"]),
    ("health: {storagedriver: {enabled: true, interval: 0}}", &["health.storagedriver.interval", "10s"]),
    ("health: {file: [{file: /a}, {file: /a}]}", &["health.file[1].file", "already"]),
    ("health: {http: [{uri: here}]}", &["health.http[0].uri", "no URL"]),
    ("health: {http: [{uri: 'http://a', statuscode: 70000}]}", &["health.http[0].statuscode", "65535"]),
    ("health: {tcp: [{interval: 1s}]}", &["health.tcp[0].addr", "missing"]),
    ("validation: {manifests: {urls: {allow: ['(']}}}", &["validation.manifests.urls.allow[0]", "regular expression"]),
    ("validation: {manifests: {indexes: {platforms: some}}}", &["platforms", "\"all\", \"none\" or \"list\""]),
    ("tags: {maxtags: -1}", &["tags.maxtags", "\"-1\"", "between 0"]),
    ("catalog: {maxentries: 1.5}", &["catalog.maxentries", "\"1.5\"", "whole number"]),
    ("proxy: {remoteurl: 'https://u:p@registry.example'}", &["proxy.remoteurl", "not active yet"]),
    ("middleware: {storage: [{name: cloudfront}]}", &["middleware.storage[0]", "cloudfront", "not active yet"]),
    ("middleware: {storage: [{name: cloudfrnt}]}", &["middleware.storage[0].name", "did you mean \"cloudfront\"?"]),
    ("middleware: {registry: [{name: mine}]}", &["middleware.registry[0].name", "remove it"]),
    ("notifications: {endpoints: none}", &["notifications.endpoints", "single value", "list"]),
    ("notifications: {plugins: [{name: a}]}", &["notifications.plugins[0].component", "missing"]),
    (
        "  maintenance: {uploadpurging: {interval: 0}}",
        &["storage.maintenance.uploadpurging.interval", "longer than nothing"],
    ),
    ("  cache: {blobdescriptor: redis}", &["storage.cache.blobdescriptor", "redis.addrs"]),
    ("  cache: {blobdescriptor: redis}\nredis: {addr: 'redis://:p@r:1'}", &["redis.addrs[0]", "redis.password"]),
    ("  cache: {blobdescriptor: redis}\nredis: {addrs: ['a:1', 'a:b']}", &["redis.addrs[1]", "65535"]),
    ("  cache: {blobdescriptor: redis}\nredis: {addr: 'r:1', protocol: 4}", &["redis.protocol", "2 and 3"]),
    ("  cache: {blobdescriptor: redis}\nredis: {addr: 'r:1', db: -1}", &["redis.db", "from 0"]),
    (
        "  cache: {blobdescriptor: redis}\nredis: {addr: 'r:1', tls: {key: /k}}",
        &["redis.tls.certificate", "both files"],
    ),
    ("  requests: {concurrent_max: 0}", &["storage.requests.concurrent_max", "at least 1"]),
    ("  requests: {deadline: 0s}", &["storage.requests.deadline", "unlimited"]),
    ("  inmemory: {}", &["storage", "filesystem (config.yml line 3)", "inmemory (config.yml line 5)"]),
];

#[test]
fn every_mistake_is_one_sentence_with_its_key_its_place_and_its_mend() {
    for (text, words) in MISTAKES.iter().copied() {
        let outcome = yaml_with(text);
        assert_eq!(outcome.mistakes.len(), 1, "{text}: {:#?}", outcome.mistakes);
        for word in words.iter().chain(&["config.yml line"]) {
            assert!(outcome.mistakes[0].contains(word), "{word:?} is missing for {text}: {}", outcome.mistakes[0]);
        }
    }
}

/// Words of the one warning that each of these earns; a server starts with them.
const WARNINGS: [(&str, &[&str]); 29] = [
    ("  tag: {concurrencylimit: 4}", &["storage.tag.concurrencylimit", "not active yet"]),
    (
        "http: {tls: {certificate: /c, key: /k, ciphersuites: [TLS_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305]}}",
        &["http.tls.ciphersuites[0]", "weak"],
    ),
    ("http: {host: registry.example}", &["http.host", "ignored", "https://registry.example"]),
    ("http: {draintimeout: -5s}", &["http.draintimeout", "negative"]),
    ("http: {debug: {prometheus: {enabled: true}}}", &["http.debug.prometheus.enabled", "http.debug.addr"]),
    ("http: {tls: {clientauth: request-client-cert}}", &["http.tls.clientauth", "no effect"]),
    (
        "http: {tls: {certificate: /c, key: /k, minimumtls: tls1.3, ciphersuites: [x]}}",
        &["http.tls.ciphersuites", "no effect"],
    ),
    ("auth: {silly: {realm: r, service: s}}", &["auth.silly", "tests"]),
    (
        "auth: {token: {realm: r, service: s, issuer: i, jwks: j, signingalgorithms: [HS256, RS256]}}",
        &["auth.token.signingalgorithms[0]", "never accepted"],
    ),
    ("auth: {access: [{who: ci}]}", &["auth.access[0]", "provider"]),
    ("notifications: {endpoints: [{name: a, url: 'a/'}]}", &["notifications.endpoints[0].url", "no URL"]),
    (
        "notifications: {endpoints: [{url: 'https://a/', ignore: {actions: [pul]}}]}",
        &["notifications.endpoints[0].ignore.actions", "did you mean \"pull\"?"],
    ),
    (
        "log: {hooks: [{type: mail, levels: panic, options: {smtp: {addr: s}, from: a@b, to: c@d}}]}",
        &["log.hooks[0].options.smtp.addr", "\"s\"", "mail.example:587"],
    ),
    (
        "log: {hooks: [{type: mail, levels: panic, options: {smtp: {addr: 's:25'}, from: a@b}}]}",
        &["log.hooks[0].options.to", "no mail is sent"],
    ),
    ("log: {hooks: [{type: plugin, plugin: {component: a.wasm}}]}", &["log.hooks[0].levels", "nothing is ever sent"]),
    ("log: {hooks: [{type: slack}]}", &["log.hooks[0].type", "mail"]),
    ("compatibility: {schema1: {enabled: true}}", &["compatibility.schema1.enabled", "schema 2"]),
    ("reporting: {newrelic: {licensekey: k}}", &["reporting", "not called"]),
    ("proxy: {username: u}", &["proxy", "remoteurl"]),
    ("validation: {enabled: false}", &["validation.enabled", "validation.disabled"]),
    ("validation: {manifests: {indexes: {platforms: list}}}", &["platformlist", "empty"]),
    (
        "validation: {manifests: {indexes: {platformlist: [{os: linux, architecture: amd64}]}}}",
        &["platformlist", "no effect"],
    ),
    (
        "  cache: {blobdescriptor: redis}\nredis: {addr: 'a:1', addrs: ['b:1']}",
        &["redis.addr", "old name", "redis.addrs"],
    ),
    ("  cache: {blobdescriptor: redis}\nredis: {addrs: ['a:1', 'b:1'], db: 2}", &["redis.db", "cluster"]),
    ("  cache: {blobdescriptor: redis}\nredis: {addr: 'a:1', readonly: true}", &["redis.readonly", "deleted"]),
    ("  cache: {blobdescriptor: redis}\nredis: {addr: 'a:1', maxretries: 3}", &["redis.maxretries", "not repeated"]),
    (
        "  cache: {blobdescriptor: redis}\nredis: {addr: 'a:1', sentinelpassword: p}",
        &["sentinelpassword", "mastername"],
    ),
    ("redis: {pool: {maxidel: 1}}", &["redis.pool.maxidel", "no key"]),
    ("storag: {}", &["storag", "\"storage\""]),
];

#[test]
fn every_warning_is_one_sentence_and_the_server_starts() {
    for (text, words) in WARNINGS {
        let outcome = yaml_with(text);
        assert_eq!(outcome.mistakes, Vec::<String>::new(), "{text}");
        assert_eq!(outcome.warnings.len(), 1, "{text}: {:#?}", outcome.warnings);
        for word in words.iter().chain(&["config.yml line"]) {
            assert!(outcome.warnings[0].contains(word), "{word:?} is missing for {text}: {}", outcome.warnings[0]);
        }
    }
}

#[test]
fn what_is_disabled_is_not_spoken_of() {
    yaml_with(
        "notifications: {endpoints: [{disabled: true}]}\nlog: {hooks: [{disabled: true}]}\n\
         middleware: {storage: [{name: cloudfront, disabled: true}]}\n",
    )
    .silent();
}

#[test]
fn parameters_of_object_stores_are_checked() {
    for (driver, parameters, words) in [
        ("s3", "{region: eu-west-1}", "storage.s3.bucket"),
        ("s3", "{bucket: b, region: pek3b}", "for another service set regionendpoint"),
        ("s3", "{bucket: b, regionendpoint: 'ftp://host'}", "storage.s3.regionendpoint"),
        ("s3", "{bucket: b, region: eu-west-1, accelerate: true, forcepathstyle: true}", "storage.s3.accelerate"),
        ("s3", "{bucket: b}", "storage.s3.region"),
        ("s3", "{bucket: b, region: eu-west-1, chunksize: 1MiB}", "between 5MiB and 5GiB"),
        ("s3", "{bucket: b, region: eu-west-1, storageclass: COLD}", "storage.s3.storageclass"),
        ("s3", "{bucket: b, region: eu-west-1, objectacl: publik-read}", "did you mean \"public-read\"?"),
        ("s3", "{bucket: b, region: eu-west-1, v4auth: false}", "storage.s3.v4auth"),
        ("s3", "{bucket: b, region: eu-west-1, accesskey: a}", "storage.s3.secretkey"),
        ("s3", "{bucket: b, region: eu-west-1, redirectendpoint: 'https://a/b'}", "storage.s3.redirectendpoint"),
        ("oss", "{accesskeyid: a, accesskeysecret: b, region: r}", "storage.oss.bucket"),
        ("oss", "{accesskeyid: a, bucket: b, region: r}", "storage.oss.accesskeysecret"),
        ("oss", "{bucket: b, region: 'cn hangzhou'}", "storage.oss.region"),
        ("oss", "{bucket: b, region: r, endpoint: 'host/path'}", "storage.oss.endpoint"),
        ("azure", "{accountname: a}", "storage.azure.container"),
        ("gcs", "{bucket: b, chunksize: 1000}", "256KiB"),
        (
            "azure",
            "{accountname: a, container: c, credentials: {type: client_secret, clientid: i, tenantid: t}}",
            "credentials.secret",
        ),
        ("swift", "{username: u, password: p, container: c}", "storage.swift.authurl"),
        ("swift", "{username: u, authurl: 'https://h', container: c}", "storage.swift.password"),
        ("swift", "{username: u, password: p, authurl: 'https://h'}", "storage.swift.container"),
        ("swift", "{applicationcredentialid: a, authurl: 'https://h', container: c}", "applicationcredentialsecret"),
        ("swift", "{container: c, prefix: a, rootdirectory: b}", "storage.swift.rootdirectory"),
        ("swift", "{container: c, endpointtype: inside}", "endpointtype"),
    ] {
        let outcome = yaml(&format!("version: 0.1\nstorage: {{{driver}: {parameters}}}\n"), &[]);
        let about = outcome.mistakes.iter().filter(|mistake| !mistake.contains("not active yet")).collect::<Vec<_>>();
        let [about] = about.as_slice() else { panic!("{driver} {parameters}: {outcome:#?}") };
        assert!(about.contains(words), "{about}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_one_mistake_only() {
    yaml_with("auth: {htpasswd: {realm: r, path: [a]}}\n").refused(&["auth.htpasswd.path", "a list", "a text"]);
    yaml("version: 0.1\nstorage: {filesystem: 5}\n", &[]).refused(&["storage.filesystem", "single value"]);
}

#[test]
fn the_rule_that_everyone_asks_for_takes_three_lines() {
    let config = toml(
        "[auth.htpasswd]\nrealm = 'r'\npath = 'p'\n[auth]\naccess = [\n  { who = '*', repositories = 'public/**', actions = 'pull' },\n  \
         { who = 'ci', actions = ['pull', 'push'] },\n]\n",
        &[],
    );
    let config = config.silent();
    assert_eq!(&*config.auth.access[1].repositories, ["**"]);
    assert_eq!(&*config.auth.access[0].who, ["*"]);
}

#[test]
fn what_is_shown_can_be_read_again_and_holds_no_secret() {
    let config = yaml_with(
        "http: {secret: hush-hush, draintimeout: 90s}\nlog: {fields: {service: registry, apitoken: hush-hush}}\n\
         redis: {password: hush-hush}\nhealth: {http: [{uri: 'http://u:hush-hush@a/', headers: {Authorization: hush-hush}}]}\n",
    )
    .silent();
    let text = to_toml(&config).unwrap();
    assert!(!text.contains("hush-hush"), "{text}");
    let again = toml(&text, &[]).silent();
    assert_eq!(again.http.draintimeout, config.http.draintimeout);
    assert_eq!(again.storage, config.storage);
}
