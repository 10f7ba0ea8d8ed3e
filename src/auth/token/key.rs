//! Public keys, as they stand in certificates and in key sets, and the two ways to name them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use x509_parser::public_key::PublicKey as X509Key;
use x509_parser::x509::SubjectPublicKeyInfo;

/// RSA keys below this can be factored by who has the means.
const RSA_BITS_MIN: usize = 2048;
/// RSA keys above this only cost time.
const RSA_BITS_MAX: usize = 8192;

/// A key that verifies signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The uncompressed point: 4, x, y.
    Ec { curve: Curve, point: Vec<u8> },
    /// The 32 bytes of RFC 8032.
    Ed25519 { point: Vec<u8> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

impl Curve {
    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    fn oid(self) -> &'static str {
        match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        }
    }

    fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The members of a JSON Web Key (RFC 7517) that a public key is made of.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl PublicKey {
    /// The key of a certificate. Fails with the reason when it is of no use here.
    pub(super) fn from_spki(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, String> {
        if spki.algorithm.algorithm.to_id_string() == "1.3.101.112" {
            return Self::ed25519(&spki.subject_public_key.data);
        }
        match spki.parsed() {
            Ok(X509Key::RSA(rsa)) => Self::rsa(rsa.modulus, rsa.exponent),
            Ok(X509Key::EC(point)) => {
                let oid = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                let oid = oid.map(|oid| oid.to_id_string()).unwrap_or_default();
                let curve = CURVES.into_iter().find(|curve| curve.oid() == oid);
                Self::ec(curve.ok_or_else(|| format!("the elliptic curve {oid} is not supported"))?, point.data())
            }
            _ => Err(format!("keys of the kind {} are not supported", spki.algorithm.algorithm)),
        }
    }

    /// The key of a JSON Web Key. Fails with the reason when it is of no use here.
    pub(super) fn from_jwk(jwk: &Jwk) -> Result<Self, String> {
        let crv = jwk.crv.as_deref().unwrap_or_default();
        match jwk.kty.as_str() {
            "RSA" => Self::rsa(&member("n", &jwk.n)?, &member("e", &jwk.e)?),
            "EC" => {
                let curve = CURVES.into_iter().find(|curve| curve.name() == crv);
                let curve = curve.ok_or_else(|| format!("the elliptic curve {crv:?} is not supported"))?;
                let point = [&[4], member("x", &jwk.x)?.as_slice(), member("y", &jwk.y)?.as_slice()].concat();
                Self::ec(curve, &point)
            }
            "OKP" if crv == "Ed25519" => Self::ed25519(&member("x", &jwk.x)?),
            "oct" => Err("a symmetric key is no public key".to_owned()),
            kty => Err(format!("keys of the kind {kty:?} {crv:?} are not supported")),
        }
    }

    fn rsa(n: &[u8], e: &[u8]) -> Result<Self, String> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(format!("an RSA key of {bits} bits is refused: {RSA_BITS_MIN} to {RSA_BITS_MAX} are allowed"));
        }
        if e.is_empty() || e == [1] {
            return Err("the exponent of the RSA key makes every signature valid".to_owned());
        }
        Ok(Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    fn ec(curve: Curve, point: &[u8]) -> Result<Self, String> {
        if point.first() != Some(&4) || point.len() != 1 + 2 * curve.coordinate_bytes() {
            return Err(format!("the point is no uncompressed point of the curve {}", curve.name()));
        }
        Ok(Self::Ec { curve, point: point.to_vec() })
    }

    fn ed25519(point: &[u8]) -> Result<Self, String> {
        if point.len() == 32 {
            Ok(Self::Ed25519 { point: point.to_vec() })
        } else {
            Err("an Ed25519 key must have 32 bytes".to_owned())
        }
    }

    /// The key's id by RFC 7638: SHA-256 over its canonical members, base64url without padding.
    pub(super) fn thumbprint(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
            Self::Ec { curve, point } => {
                let (x, y) = point[1..].split_at(curve.coordinate_bytes());
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), encode(x), encode(y))
            }
            Self::Ed25519 { point } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(point)),
        };
        encode(&Sha256::digest(canonical))
    }
}

/// The key's id as libtrust makes it, which token servers for `registry:2` send: SHA-256 over the DER of the public key, the
/// first 30 bytes in base32, in twelve groups of four.
pub(super) fn libtrust_id(spki_der: &[u8]) -> String {
    let text = BASE32_NOPAD.encode(&Sha256::digest(spki_der)[..30]);
    let groups: Vec<&str> = (0..text.len()).step_by(4).map(|start| &text[start..start + 4]).collect();
    groups.join(":")
}

fn member(name: &str, value: &Option<String>) -> Result<Vec<u8>, String> {
    let value = value.as_ref().ok_or_else(|| format!("its member {name:?} is missing"))?;
    URL_SAFE_NO_PAD.decode(value).map_err(|_| format!("its member {name:?} is not base64url without padding"))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
