//! The object stores.

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

/// Checks an object store's parameters.
pub(super) fn check(checker: &mut Checker<'_>, driver: Driver<'_>) {
    match driver {
        Driver::S3(s3) => check_s3(checker, s3),
        Driver::Oss(oss) => check_oss(checker, oss),
        Driver::Azure(azure) => check_azure(checker, azure),
        Driver::Gcs(gcs) => check_gcs(checker, gcs),
        Driver::Swift(swift) => check_swift(checker, swift),
        Driver::Filesystem(_) | Driver::InMemory(_) | Driver::Plugin(_) => {}
    }
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
    if !s3.v4auth {
        let mend = "remove it, or put a gateway that signs with version 4 before a service that is too old for that";
        checker.mistake(&key("v4auth"), format!("is false, but requests are signed by version 4 only; {mend}"));
    }
    if let (Err((name, problem)), false) = (s3.endpoint(), region_is_needed) {
        checker.mistake(&key(name), problem);
    }
    if !s3.regionendpoint.is_empty() {
        let own =
            [("usedualstack", s3.usedualstack), ("accelerate", s3.accelerate), ("usefipsendpoint", s3.usefipsendpoint)];
        for (name, _) in own.into_iter().filter(|(_, chosen)| *chosen) {
            checker.warning(&key(name), "has no effect, because regionendpoint names the endpoint");
        }
    }
    if !s3.keyid.is_empty() && !s3.encrypt {
        checker.warning(&key("keyid"), "has no effect unless encrypt is true");
    }
    if s3.loglevel != "off" {
        checker.warning(&key("loglevel"), "has no effect; log.level: debug shows each request to the store");
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
    if oss.accesskeyid.is_empty() != oss.accesskeysecret.is_empty() {
        let missing = if oss.accesskeyid.is_empty() { "accesskeyid" } else { "accesskeysecret" };
        checker.mistake(&key(missing), "is missing; give both, or neither to use the usual Alibaba Cloud sources");
    }
    checker.required(&key("region"), oss.region.is_empty(), "name the region, such as oss-cn-hangzhou");
    checker.required(&key("bucket"), oss.bucket.is_empty(), "name the bucket");
    between(checker, &key("chunksize"), oss.chunksize, 5 * MIB, 5 * GIB);
    if let (Err((name, problem)), false) = (oss.endpoint(), oss.region.is_empty()) {
        checker.mistake(&key(name), problem);
    }
    if !oss.encryptionkeyid.is_empty() && !oss.encrypt {
        checker.warning(&key("encryptionkeyid"), "has no effect unless encrypt is true");
    }
}

fn check_azure(checker: &mut Checker<'_>, azure: &Azure) {
    let key = |name: &str| join("storage.azure", name);
    let account_is_needed = azure.accountname.is_empty() && azure.connectionstring.is_empty();
    checker.required(&key("accountname"), account_is_needed, "name the storage account");
    checker.required(&key("container"), azure.container.is_empty(), "name the container");
    if let (Err((name, problem)), true) = (azure.endpoint(), azure.connectionstring.is_empty() && !account_is_needed) {
        checker.mistake(&key(name), problem);
    }
    let kind = &azure.credentials.kind;
    if !kind.is_empty() {
        let kinds = ["client_secret", "shared_key", "default_credentials"];
        one_of(checker, &key("credentials.type"), kind, &kinds);
        if kind == "client_secret" {
            let application = &azure.credentials;
            let needed = [
                ("clientid", application.clientid.is_empty()),
                ("tenantid", application.tenantid.is_empty()),
                ("secret", application.secret.is_empty()),
            ];
            for (name, missing) in needed {
                checker.required(&key(&format!("credentials.{name}")), missing, "client_secret needs all three");
            }
            if !azure.accountkey.is_empty() {
                checker.warning(&key("accountkey"), "has no effect, because credentials.type is client_secret");
            }
        }
        if kind == "shared_key" && azure.accountkey.is_empty() && azure.connectionstring.is_empty() {
            checker.mistake(
                &key("accountkey"),
                "is missing; give the key, or set credentials.type to default_credentials",
            );
        }
        if kind == "default_credentials" && !azure.accountkey.is_empty() {
            checker.warning(&key("accountkey"), "has no effect, because credentials.type is default_credentials");
        }
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
    checker.required(&key("container"), swift.container.is_empty(), "name the container");
    // Without a name, who logs in and where stands in the environment.
    let by_credential = !swift.applicationcredentialid.is_empty();
    if !swift.username.is_empty() || by_credential {
        checker.required(
            &key("authurl"),
            swift.authurl.is_empty(),
            "give the URL of Keystone, or of Swift's own login",
        );
    }
    if by_credential {
        let missing = swift.applicationcredentialsecret.is_empty();
        checker.required(&key("applicationcredentialsecret"), missing, "give the secret of the application credential");
        if matches!(swift.authversion, 1 | 2) {
            let sentence = format!("is {}, but only version 3 knows application credentials", swift.authversion);
            checker.mistake(&key("authversion"), sentence);
        }
        if !swift.username.is_empty() {
            checker.warning(&key("username"), "has no effect beside applicationcredentialid; remove it");
        }
    } else {
        let missing = !swift.username.is_empty() && swift.password.is_empty();
        checker.required(&key("password"), missing, "give the password");
    }
    if swift.authversion > 3 {
        let sentence = format!("is {}, which no login has; the version is taken from authurl", swift.authversion);
        checker.warning(&key("authversion"), sentence);
    }
    one_of(checker, &key("endpointtype"), &swift.endpointtype, &["public", "internal", "admin"]);
    between(checker, &key("chunksize"), swift.chunksize, 5 * MIB, 5 * GIB);
    if swift.container.contains('/') {
        checker
            .mistake(&key("container"), format!("is {}, but must be a name without slashes", shown(&swift.container)));
    }
    if !swift.prefix.is_empty() && !swift.rootdirectory.is_empty() && swift.prefix != swift.rootdirectory {
        checker.mistake(&key("rootdirectory"), "and prefix say the same in different ways; remove one");
    }
    if !swift.accesskey.is_empty() {
        checker.warning(&key("accesskey"), "has no effect; only HP's cloud, which is gone, wanted one");
    }
    if !swift.tempurlmethods.is_empty() && swift.secretkey.is_empty() && !swift.tempurlcontainerkey {
        let sentence = "has no effect without secretkey or tempurlcontainerkey: clients are not redirected";
        checker.warning(&key("tempurlmethods"), sentence);
    }
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
