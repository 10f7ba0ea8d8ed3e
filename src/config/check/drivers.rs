//! The object stores: their parameters are checked, although none of them is active yet.

use super::Checker;
use super::nearest::{alternatives, nearest};
use super::shapes::{join, shown};
use crate::config::drivers::{Azure, Gcs, Oss, S3, Swift};
use crate::config::storage::Driver;
use crate::config::value::ByteSize;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const STORAGE_CLASSES: [&str; 9] = [
    "NONE",
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "OUTPOSTS",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

const OBJECT_ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

/// Checks an object store's parameters, and says that the store is not active yet: without it the server would put its data
/// somewhere else than it was told.
pub(super) fn check(checker: &mut Checker<'_>, driver: Driver<'_>) {
    match driver {
        Driver::S3(s3) => check_s3(checker, s3),
        Driver::Oss(oss) => check_oss(checker, oss),
        Driver::Azure(azure) => check_azure(checker, azure),
        Driver::Gcs(gcs) => check_gcs(checker, gcs),
        Driver::Swift(swift) => check_swift(checker, swift),
        Driver::Filesystem(_) | Driver::InMemory(_) | Driver::Plugin(_) => return,
    }
    let name = driver.name();
    let key = join("storage", name);
    let origin = checker.root.origin_of(&key);
    let sentence = format!("the {name} driver is not active yet; use filesystem or inmemory");
    checker.report.mistake(key, &origin, sentence);
}

fn check_s3(checker: &mut Checker<'_>, s3: &S3) {
    let key = |name: &str| join("storage.s3", name);
    checker.required(&key("bucket"), s3.bucket.is_empty(), "name the bucket; it must exist");
    let region_is_needed = s3.region.is_empty() && s3.regionendpoint.is_empty();
    checker.required(&key("region"), region_is_needed, "name the region, or set regionendpoint for another service");
    between(checker, &key("chunksize"), s3.chunksize, 5 * MIB, 5 * GIB);
    between(checker, &key("multipartcopychunksize"), s3.multipartcopychunksize, 5 * MIB, 5 * GIB);
    between(checker, &key("multipartcopythresholdsize"), s3.multipartcopythresholdsize, 0, 5 * GIB);
    if s3.multipartcopymaxconcurrency == 0 {
        checker.mistake(&key("multipartcopymaxconcurrency"), "is 0, but must be at least 1");
    }
    one_of(checker, &key("storageclass"), &s3.storageclass.to_uppercase(), &STORAGE_CLASSES);
    one_of(checker, &key("objectacl"), &s3.objectacl, &OBJECT_ACLS);
    let is_amazon = s3.regionendpoint.is_empty() || s3.regionendpoint.contains("s3.amazonaws.com");
    if !s3.v4auth && is_amazon {
        checker.mistake(&key("v4auth"), "is false, but Amazon takes signature version 4 only; remove it");
    }
    let redirect = &s3.redirectendpoint;
    let has_path = redirect.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']));
    if !redirect.is_empty() && (has_path || !redirect.contains("://")) {
        let sentence =
            format!("is {}, but must be a scheme and a host only, such as https://cdn.example", shown(redirect));
        checker.mistake(&key("redirectendpoint"), sentence);
    }
    if s3.accesskey.is_empty() != s3.secretkey.is_empty() {
        let missing = if s3.accesskey.is_empty() { "accesskey" } else { "secretkey" };
        checker.mistake(&key(missing), "is missing; give both keys, or neither to use the usual AWS sources");
    }
}

fn check_oss(checker: &mut Checker<'_>, oss: &Oss) {
    let key = |name: &str| join("storage.oss", name);
    checker.required(&key("accesskeyid"), oss.accesskeyid.is_empty(), "give the access key");
    checker.required(&key("accesskeysecret"), oss.accesskeysecret.is_empty(), "give the secret of the access key");
    checker.required(&key("region"), oss.region.is_empty(), "name the region, such as oss-cn-hangzhou");
    checker.required(&key("bucket"), oss.bucket.is_empty(), "name the bucket");
    between(checker, &key("chunksize"), oss.chunksize, 5 * MIB, 5 * GIB);
}

fn check_azure(checker: &mut Checker<'_>, azure: &Azure) {
    let key = |name: &str| join("storage.azure", name);
    let account_is_needed = azure.accountname.is_empty() && azure.connectionstring.is_empty();
    checker.required(&key("accountname"), account_is_needed, "name the storage account");
    checker.required(&key("container"), azure.container.is_empty(), "name the container");
    let kind = &azure.credentials.kind;
    if !kind.is_empty() {
        let kinds = ["client_secret", "shared_key", "default_credentials"];
        one_of(checker, &key("credentials.type"), kind, &kinds);
    }
}

fn check_gcs(checker: &mut Checker<'_>, gcs: &Gcs) {
    const STEP: u64 = 256 << 10;
    let key = |name: &str| join("storage.gcs", name);
    checker.required(&key("bucket"), gcs.bucket.is_empty(), "name the bucket");
    let size = gcs.chunksize;
    if size.get() < STEP || !size.get().is_multiple_of(STEP) {
        checker.mistake(&key("chunksize"), format!("is {size}, but must be a multiple of 256KiB"));
    }
}

fn check_swift(checker: &mut Checker<'_>, swift: &Swift) {
    let key = |name: &str| join("storage.swift", name);
    checker.required(&key("username"), swift.username.is_empty(), "give the user name");
    checker.required(&key("password"), swift.password.is_empty(), "give the password");
    checker.required(&key("authurl"), swift.authurl.is_empty(), "give the URL of Keystone");
    checker.required(&key("container"), swift.container.is_empty(), "name the container");
}

fn between(checker: &mut Checker<'_>, key: &str, size: ByteSize, min: u64, max: u64) {
    if !(min..=max).contains(&size.get()) {
        let (min, max) = (ByteSize::new(min), ByteSize::new(max));
        checker.mistake(key, format!("is {size}, but must be between {min} and {max}"));
    }
}

fn one_of(checker: &mut Checker<'_>, key: &str, text: &str, words: &[&str]) {
    if words.contains(&text) {
        return;
    }
    let meant = nearest(text, words.iter().copied()).map(|meant| format!("; did you mean \"{meant}\"?"));
    let words = alternatives(words.iter().copied());
    checker.mistake(key, format!("is {}, but must be {words}{}", shown(text), meant.unwrap_or_default()));
}
