//! What is wrong with a bucket is told at start, in a sentence that names the key to change.

use std::process::Command;

use super::objects_every::check;
use crate::support::Server;
use crate::support::server::{free_address, wharf};
use crate::support::stores::{Kind, Store};
use crate::support::tls::Certificate;
use crate::support::tools::output;

#[track_caller]
fn refuses(config: &str, words: &[&str]) {
    let (status, log) = Server::setup().config_text(config).run_to_the_end();
    assert_eq!(status.code(), Some(1), "{log}");
    for word in words {
        assert!(log.contains(word), "{word:?} is missing in: {log}");
    }
    assert!(!log.contains("testsecret"), "the secret is in the log: {log}");
}

#[test]
fn a_wrong_bucket_key_or_region_is_told_at_start() {
    let store = Store::s3();
    let good = store.s3_config("");
    refuses(
        &good.replace("secretkey: testsecret", "secretkey: other"),
        &["storage.s3.secretkey", "SignatureDoesNotMatch"],
    );
    refuses(&good.replace("accesskey: testkey", "accesskey: other"), &["storage.s3.accesskey"]);
    refuses(&good.replace("bucket: images", "bucket: pictures"), &["storage.s3.bucket", "does not exist"]);
    refuses(&good.replace("region: us-east-1", "region: eu-west-1"), &["storage.s3.region"]);
    refuses(&good.replace("http://127", "https://127"), &["storage.s3.regionendpoint", "TLS"]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_at_start() {
    let store = Store::s3_tls("us-east-1", &Certificate::new());
    let config = store.s3_config("").replace("http://127", "https://127");
    refuses(&config, &["certificate", "SSL_CERT_FILE", "storage.s3.skipverify"]);
    let skipping = config.replace("    forcepathstyle", "    skipverify: true\n    forcepathstyle");
    Server::setup().config_text(&skipping).start().get("/v2/").expect(200);
}

#[test]
fn a_store_that_can_not_be_trusted_is_found_out() {
    // It ignores conditions and can't go on with a listing that has more than a page.
    let store = Store::of(Kind::S3rver);
    let (good, table) = check(&store, &[]);
    let row = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(!good && row("list in pages").contains("FAILS"), "{table}");
    assert!(row("conditional write").contains("ignores the condition"), "{table}");
    refuses(&store.config(""), &["list in pages"]);
}

#[test]
fn storage_check_prints_a_table() {
    let store = Store::s3();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("config.yml");
    let check = |config: String| {
        std::fs::write(&file, config.replace("ADDRESS", &free_address().to_string())).expect("a file");
        let said = output(Command::new(wharf()).args(["storage", "check"]).arg(&file));
        (said.status.success(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let (good, table) = check(store.s3_config(""));
    assert!(good, "{table}");
    for row in ["write ", "ranged read ", "list ", "conditional write ", "copy ", "assemble ", "redirects ", "delete "]
    {
        let line = table.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("{row} in {table}"));
        assert!(line.contains("works"), "{line}");
    }
    assert!(!store.files().join("wharf").exists(), "the check has left something");
    let (good, table) = check(store.s3_config("").replace("bucket: images", "bucket: pictures"));
    assert!(!good && table.contains("FAILS") && table.contains("storage.s3.bucket"), "{table}");
}
