//! The published recipes, variable for variable and file for file.

use std::path::Path;

use super::super::testing::{variables, yaml};
use crate::config::log::{Formatter, Level};
use crate::config::storage::BlobDescriptorCache;

/// The default file of the images.
const IMAGE: &str = include_str!("../../../../examples/config/image.yml");

/// R0: an S3-compatible service by environment alone.
#[test]
fn r0_object_storage_by_environment() {
    let environment = [
        ("REGISTRY_STORAGE", "s3"),
        ("REGISTRY_STORAGE_S3_ACCESSKEY", "AK"),
        ("REGISTRY_STORAGE_S3_SECRETKEY", "SK"),
        ("REGISTRY_STORAGE_S3_BUCKET", "images"),
        ("REGISTRY_STORAGE_S3_REGION", "pek3b"),
        ("REGISTRY_STORAGE_S3_REGIONENDPOINT", "s3.pek3b.qingstor.com"),
        ("REGISTRY_STORAGE_S3_chunksize", "67108864"),
    ];
    for outcome in [yaml(IMAGE, &environment), variables(&environment)] {
        let s3 = outcome.config.storage.s3.clone().unwrap();
        assert_eq!((s3.accesskey.expose(), s3.secretkey.expose()), ("AK", "SK"));
        assert_eq!((s3.bucket.as_str(), s3.region.as_str()), ("images", "pek3b"));
        assert_eq!(s3.regionendpoint, "s3.pek3b.qingstor.com");
        assert_eq!(s3.chunksize.get(), 64 << 20);
        assert!(outcome.config.storage.filesystem.is_none());
        assert_eq!(s3.endpoint().unwrap().address.url(), "https://s3.pek3b.qingstor.com");
        outcome.silent();
    }
}

/// R1: a file with deletion and the cache's old key.
#[test]
fn r1_a_file_behind_nginx() {
    let text = include_str!("../../../../examples/config/behind-nginx.yml");
    let config = yaml(text, &[("GODEBUG", "netdns=cgo")]).silent();
    assert_eq!(config.log.level, Level::Debug);
    assert_eq!(config.log.fields["service"], "registry");
    assert_eq!(config.storage.cache.blobdescriptor, BlobDescriptorCache::InMemory);
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("/var/lib/registry"));
    assert!(!config.storage.maintenance.uploadpurging.enabled);
    assert!(!config.storage.maintenance.readonly.enabled);
    assert!(config.storage.delete.enabled);
    assert_eq!(config.http.addr, ":5000");
    assert!(!config.http.secret.is_empty());
}

/// R2: every key that its reference section lists.
#[test]
fn r2_log_variables() {
    let config = yaml(IMAGE, &[("REGISTRY_LOG_LEVEL", "warn"), ("REGISTRY_LOG_FORMATTER", "json")]).silent();
    assert_eq!((config.log.level, config.log.formatter), (Level::Warn, Formatter::Json));
}

#[test]
fn r2_the_parameters_of_every_driver() {
    for (driver, parameters) in [
        (
            "s3",
            "{accesskey: a, secretkey: b, region: eu-west-1, bucket: c, encrypt: true, secure: true, v4auth: true, chunksize: 5242880, rootdirectory: /x}",
        ),
        (
            "oss",
            "{accesskeyid: a, accesskeysecret: b, region: r, endpoint: e, internal: true, bucket: c, encrypt: true, secure: true, chunksize: 10485760, rootdirectory: /x}",
        ),
        ("azure", "{accountname: a, accountkey: b, container: c}"),
        ("gcs", "{bucket: b, keyfile: /k, rootdirectory: /x}"),
        ("swift", "{username: u, password: p, authurl: 'https://a', tenant: t, container: c, rootdirectory: /x}"),
    ] {
        let text = format!("version: 0.1\nstorage:\n  {driver}: {parameters}\n");
        let outcome = yaml(&text, &[]);
        assert!(outcome.warnings.is_empty(), "{driver}: {:?}", outcome.warnings);
        let wrong: Vec<_> = outcome.mistakes.iter().filter(|mistake| !mistake.contains("not active yet")).collect();
        assert!(wrong.is_empty(), "{driver}: {wrong:?}");
    }
    yaml("version: 0.1\nstorage: {rados: {poolname: p}}\n", &[]).refused(&["storage.rados", "Ceph's S3 gateway"]);
}

#[test]
fn r2_token_and_http() {
    let config = yaml(
        "version: 0.1\nstorage: inmemory\nauth:\n  token:\n    realm: https://auth/token\n    service: s\n    issuer: i\n    \
         rootcertbundle: /root.pem\nhttp:\n  addr: localhost:5000\n  net: tcp\n  prefix: /my/nested/registry/\n  \
         host: https://myregistryaddress.org:5000\n  secret: asecret\n  tls:\n    certificate: /c\n    key: /k\n    \
         clientcas: [/ca.pem, /other.pem]\n  debug:\n    addr: localhost:5001\n  headers:\n    \
         X-Content-Type-Options: [nosniff]\n",
        &[],
    )
    .silent();
    assert_eq!(config.auth.token.unwrap().issuer, "i");
    assert_eq!(config.http.tls.clientcas.len(), 2);
    assert_eq!(config.http.debug.addr, "localhost:5001");
}

/// R3: htpasswd with a realm of two words, then OSS with the bucket in its endpoint.
#[test]
fn r3_htpasswd() {
    let config = yaml(
        IMAGE,
        &[
            ("REGISTRY_AUTH", "htpasswd"),
            ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
            ("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
        ],
    )
    .silent();
    let htpasswd = config.auth.htpasswd.unwrap();
    assert_eq!((htpasswd.realm.as_str(), htpasswd.path.as_path()), ("Registry Realm", Path::new("/auth/htpasswd")));
}

const OSS: [(&str, &str); 5] = [
    ("REGISTRY_STORAGE", "oss"),
    ("REGISTRY_STORAGE_OSS_ACCESSKEYID", "AK"),
    ("REGISTRY_STORAGE_OSS_ACCESSKEYSECRET", "SK"),
    ("REGISTRY_STORAGE_OSS_REGION", "oss-cn-hangzhou"),
    ("REGISTRY_STORAGE_OSS_BUCKET", "images"),
];

#[test]
fn r3_oss() {
    let mut environment = OSS.to_vec();
    environment.push(("REGISTRY_STORAGE_OSS_ENDPOINT", "images.oss-cn-hangzhou.aliyuncs.com"));
    let outcome = yaml(IMAGE, &environment);
    let oss = outcome.config.storage.oss.clone().unwrap();
    assert_eq!(oss.endpoint, "images.oss-cn-hangzhou.aliyuncs.com");
    assert_eq!(oss.accesskeysecret.expose(), "SK");
    assert_eq!(oss.endpoint().unwrap().address.url(), "https://oss-cn-hangzhou.aliyuncs.com");
    outcome.silent();
}

/// R4: another directory, and OSS with a cache in Redis.
#[test]
fn r4_another_directory() {
    let config = yaml(IMAGE, &[("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/somewhere")]).silent();
    assert_eq!(config.storage.filesystem.unwrap().rootdirectory, Path::new("/somewhere"));
}

#[test]
fn r4_oss_and_redis() {
    let mut environment = OSS.to_vec();
    environment.extend([
        ("REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR", "redis"),
        ("REGISTRY_REDIS_ADDR", "redis:6379"),
        ("REGISTRY_REDIS_PASSWORD", "secret"),
        ("REGISTRY_REDIS_DB", "0"),
        ("REGISTRY_REDIS_POOL_MAXIDLE", "16"),
        ("REGISTRY_REDIS_POOL_MAXACTIVE", "64"),
        ("REGISTRY_REDIS_POOL_IDLETIMEOUT", "300s"),
    ]);
    let config = yaml(IMAGE, &environment).silent();
    let redis = &config.redis;
    assert_eq!(&*redis.addrs, ["redis:6379"]);
    assert_eq!((redis.password.expose(), redis.db), ("secret", 0));
    assert_eq!((redis.maxidleconns, redis.poolsize), (16, 64));
    assert_eq!(redis.connmaxidletime.get().as_secs(), 300);
    assert_eq!(config.storage.cache.blobdescriptor, BlobDescriptorCache::Redis);
}
