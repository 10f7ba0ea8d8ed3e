//! Which keys are trusted: a bundle of certificates, a set of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use serde::Deserialize;
use serde_json::Value;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::key::{Jwk, PublicKey, libtrust_id};

/// A key that is trusted, and what it is trusted for.
#[derive(Debug)]
pub(super) struct TrustedKey {
    pub(super) key: PublicKey,
    /// The one algorithm that the key is for, if it says so.
    pub(super) algorithm: Option<String>,
}

/// The trusted keys by their ids.
pub(super) type Keys = BTreeMap<String, TrustedKey>;

/// The certificates of a bundle: each is trusted itself, and vouches for others as an authority.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    /// Each key under its RFC 7638 thumbprint and under its libtrust id.
    pub(super) keys: Keys,
    certificates: Vec<CertificateDer<'static>>,
}

impl Bundle {
    /// Reads PEM; blocks that are no certificates are skipped. Certificates whose key is of no use for tokens are warned about
    /// and still vouch for others.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, String> {
        let mut bundle = Self::default();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| "it is not PEM: a block of it is damaged".to_owned())?;
            let number = bundle.certificates.len() + 1;
            let parsed = parse(&certificate).map_err(|problem| format!("certificate {number}: {problem}"))?;
            let spki = parsed.public_key();
            match PublicKey::from_spki(spki) {
                Ok(key) => {
                    for id in [key.thumbprint(), libtrust_id(spki.raw)] {
                        bundle.keys.insert(id, TrustedKey { key: key.clone(), algorithm: None });
                    }
                }
                Err(problem) => tracing::warn!("certificate {number} of auth.token.rootcertbundle: {problem}"),
            }
            bundle.certificates.push(certificate);
        }
        if bundle.certificates.is_empty() {
            return Err("it holds no certificate in PEM".to_owned());
        }
        Ok(bundle)
    }

    /// The key of the first certificate, if the bundle vouches for it now: because it is in the bundle itself (token servers
    /// sign with self-signed certificates), or by a chain of valid certificates that ends there. Extended key usage does not
    /// matter, for none is made for tokens.
    pub(super) fn vouched_for(&self, chain: &[Vec<u8>], now: Duration) -> Result<PublicKey, String> {
        let chain: Vec<CertificateDer<'_>> = chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let (leaf, intermediates) = chain.split_first().ok_or("x5c is empty")?;
        let parsed = parse(leaf).map_err(|problem| format!("the first certificate in x5c: {problem}"))?;
        if self.certificates.contains(leaf) {
            if !is_valid(&parsed, now) {
                return Err("the certificate in x5c has expired or is not valid yet".to_owned());
            }
        } else {
            self.verify(leaf, intermediates, now)?;
        }
        PublicKey::from_spki(parsed.public_key())
    }

    fn verify(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>], now: Duration) -> Result<(), String> {
        let valid = |certificate: &&CertificateDer<'_>| parse(certificate).is_ok_and(|parsed| is_valid(&parsed, now));
        let anchor = |certificate| webpki::anchor_from_trusted_cert(certificate).ok();
        let anchors: Vec<TrustAnchor<'_>> = self.certificates.iter().filter(valid).filter_map(anchor).collect();
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        let time = UnixTime::since_unix_epoch(now);
        let verified = EndEntityCert::try_from(leaf).and_then(|leaf| {
            leaf.verify_for_usage(algorithms.all, &anchors, rest, time, AnyUsage, None, None).map(|_| ())
        });
        verified.map_err(|error| format!("the certificates in x5c lead to none in auth.token.rootcertbundle: {error}"))
    }
}

struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _usages: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err("it is followed by something else".to_owned()),
        Err(error) => Err(format!("it can't be read: {error}")),
    }
}

fn is_valid(certificate: &X509Certificate<'_>, now: Duration) -> bool {
    let validity = certificate.validity();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
}

/// A key of a JWK Set (RFC 7517 §5).
#[derive(Deserialize)]
struct SetMember {
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    #[serde(flatten)]
    key: Jwk,
}

/// Reads a JWK Set. Each key is trusted under its `kid` and under its RFC 7638 thumbprint. A key that is of no use for tokens
/// is warned about and left out, as RFC 7517 §5 wants.
pub(super) fn parse_key_set(json: &[u8]) -> Result<Keys, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(json).map_err(|error| format!("it is no JWK Set: {error}"))?;
    let mut keys = Keys::new();
    for (index, member) in set.keys.into_iter().enumerate() {
        match parse_member(member) {
            Ok((kid, algorithm, key)) => {
                for id in kid.into_iter().chain([key.thumbprint()]) {
                    keys.insert(id, TrustedKey { key: key.clone(), algorithm: algorithm.clone() });
                }
            }
            Err(problem) => tracing::warn!("key {} of auth.token.jwks is left out: {problem}", index + 1),
        }
    }
    Ok(keys)
}

fn parse_member(member: Value) -> Result<(Option<String>, Option<String>, PublicKey), String> {
    let member: SetMember = serde_json::from_value(member).map_err(|error| error.to_string())?;
    if let Some(purpose) = member.purpose.filter(|purpose| purpose != "sig") {
        return Err(format!("it is for {purpose:?}, not for signatures"));
    }
    Ok((member.kid, member.alg, PublicKey::from_jwk(&member.key)?))
}
