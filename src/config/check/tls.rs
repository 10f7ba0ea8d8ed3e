//! `http.tls`.

use super::Checker;
use super::nearest::nearest;
use super::shapes::{join, shown};
use crate::config::Config;
use crate::config::tls::{ClientAuth, MinimumTls, Tls};

/// The suites that are spoken: key exchange by elliptic curves, authenticated encryption.
const OFFERED: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The suites of TLS 1.3, which are on whether they are named or not.
const ALWAYS_ON: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// Further suites that Go knows, and that are not spoken: no forward secrecy, or a cipher with known attacks.
const WEAK: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    let tls = &config.http.tls;
    let has = |path: &std::path::Path| !path.as_os_str().is_empty();
    let key = |name: &str| join("http.tls", name);
    match (has(&tls.certificate), has(&tls.key)) {
        (true, false) => checker.mistake(&key("key"), "is missing; name the file with the certificate's key"),
        (false, true) => checker.mistake(&key("certificate"), "is missing; name the file with the key's certificate"),
        _ => {}
    }
    if tls.letsencrypt.is_enabled() {
        if has(&tls.certificate) {
            let sentence = "cannot be used beside a certificate; keep one of the two";
            checker.mistake(&key("letsencrypt"), sentence);
        }
        let origin = checker.root.origin_of(&key("letsencrypt"));
        let sentence = "certificates by ACME are not active yet; name a certificate and its key";
        checker.report.mistake(key("letsencrypt"), &origin, sentence);
    }
    let is_on = has(&tls.certificate) || tls.letsencrypt.is_enabled();
    if !is_on && !tls.clientcas.is_empty() {
        let sentence = "asks clients for certificates, but TLS is off: http.tls.certificate is not set";
        checker.mistake(&key("clientcas"), sentence);
    }
    if tls.clientcas.is_empty() && tls.clientauth != ClientAuth::default() {
        checker.warning(&key("clientauth"), "has no effect without clientcas");
    }
    suites(checker, tls);
}

fn suites(checker: &mut Checker<'_>, tls: &Tls) {
    let key = "http.tls.ciphersuites";
    if tls.ciphersuites.is_empty() {
        return;
    }
    if tls.minimumtls == MinimumTls::Tls13 {
        return checker.warning(key, "has no effect: the suites of TLS 1.3 are not chosen by name");
    }
    let mut usable = 0;
    for (index, suite) in tls.ciphersuites.iter().enumerate() {
        let key = format!("{key}[{index}]");
        // Go has two suites under a shorter name of its own.
        let shortened = |name: &&str| name.strip_suffix("_SHA256") == Some(suite) && name.contains("CHACHA20");
        if OFFERED.contains(&suite.as_str()) || OFFERED.iter().any(shortened) || ALWAYS_ON.contains(&suite.as_str()) {
            usable += 1;
        } else if WEAK.contains(&suite.as_str()) {
            checker.warning(&key, format!("{suite} is weak and not offered"));
        } else {
            let meant = nearest(suite, OFFERED).unwrap_or(OFFERED[3]);
            checker.mistake(&key, format!("{} is no cipher suite; did you mean \"{meant}\"?", shown(suite)));
        }
    }
    if usable == 0 {
        checker.mistake(key, format!("leaves no suite for TLS 1.2; add {}, or set minimumtls to tls1.3", OFFERED[3]));
    }
}
