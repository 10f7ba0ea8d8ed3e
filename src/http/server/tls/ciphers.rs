//! Cipher suites by the names of IANA and of Go.

use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::TlsError;

/// Of the suites for TLS 1.2, those that are named; of those for TLS 1.3, all.
///
/// # Errors
/// When a name is unknown, or none is left. Weak suites, which Go still knows, are skipped with a warning.
pub(super) fn choose<'a>(
    all: &[SupportedCipherSuite],
    names: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    let is_13 = |suite: &SupportedCipherSuite| is_version(suite.version(), &rustls::version::TLS13);
    let mut chosen: Vec<SupportedCipherSuite> = all.iter().filter(|suite| is_13(suite)).copied().collect();
    let always = chosen.len();
    let mut named_13 = false;
    for name in names {
        // Go has two suites under a shorter name of its own.
        let iana = if name.ends_with("_CHACHA20_POLY1305") { format!("{name}_SHA256") } else { name.clone() };
        let found = all.iter().find(|suite| iana_name(suite) == iana);
        match found {
            Some(suite) if is_13(suite) => named_13 = true,
            Some(suite) => chosen.push(*suite),
            None if is_weak(&iana) => {
                tracing::warn!(suite = name, "http.tls.ciphersuites: this cipher suite is weak and is not offered");
            }
            None => {
                let known: Vec<String> = all.iter().map(iana_name).collect();
                let known = known.join(", ");
                return Err(TlsError(format!("http.tls.ciphersuites: {name:?} is unknown; there are {known}")));
            }
        }
    }
    if chosen.len() == always && !named_13 {
        return Err(TlsError("http.tls.ciphersuites: none of the suites is offered; name an ECDHE suite with GCM or ChaCha20, or leave the list out".to_owned()));
    }
    Ok(chosen)
}

fn is_version(version: &SupportedProtocolVersion, wanted: &SupportedProtocolVersion) -> bool {
    version.version == wanted.version
}

fn iana_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    name.strip_prefix("TLS13_").map_or_else(|| name.to_owned(), |rest| format!("TLS_{rest}"))
}

/// Whether a suite has no forward secrecy, or a cipher mode or cipher with known attacks.
fn is_weak(name: &str) -> bool {
    name.starts_with("TLS_RSA_WITH_")
        || name.starts_with("TLS_ECDHE_") && ["_CBC_", "_RC4_"].iter().any(|weak| name.contains(weak))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_from_all(names: &[&str]) -> Result<Vec<String>, TlsError> {
        let all = rustls::crypto::aws_lc_rs::default_provider().cipher_suites;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Ok(choose(&all, &names)?.iter().map(iana_name).filter(|name| name.contains("ECDHE")).collect())
    }

    #[test]
    fn suites_have_the_names_of_iana_and_go() {
        let chosen = choose_from_all(&[
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        ]);
        assert_eq!(
            chosen.unwrap(),
            ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"]
        );
        assert!(choose_from_all(&["TLS_AES_128_GCM_SHA256"]).unwrap().is_empty());
    }

    #[test]
    fn unknown_and_only_weak_suites_are_refused() {
        let error = choose_from_all(&["TLS_NONSENSE"]).unwrap_err().to_string();
        assert!(error.contains("TLS_NONSENSE") && error.contains("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), "{error}");
        let error = choose_from_all(&["TLS_RSA_WITH_AES_128_CBC_SHA"]).unwrap_err().to_string();
        assert!(error.contains("none of the suites"), "{error}");
    }
}
