//! The issuer's keys (JWKS, RFC 7517), and signatures checked with them (RFC 7518, RFC 8037).

use crate::token::Token;
use base64ct::{Base64UrlUnpadded, Encoding};
use p256::ecdsa::signature::Verifier;
use rsa::pkcs1v15::VerifyingKey as Pkcs1;
use rsa::pss::VerifyingKey as Pss;
use rsa::{BigUint, RsaPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha384, Sha512};

/// The most keys of a set that are looked at. Issuers have two to five.
const KEYS_MAX: usize = 100;
/// The smallest RSA key that is trusted, in bits.
const RSA_BITS_MIN: usize = 2048;
/// The largest, in bits: checking with one takes time.
const RSA_BITS_MAX: usize = 8192;

/// A set of keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Keys {
    #[serde(default)]
    keys: Vec<Key>,
}

/// One key, as it stands in the set; parts that its kind does not have are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Key {
    kty: String,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    crv: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    n: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    e: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    x: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    y: String,
}

impl Keys {
    /// Reads a set. Keys of unknown kinds are no mistake.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut set: serde_json::Value =
            serde_json::from_slice(text).map_err(|_| "the issuer's keys are not JSON".to_owned())?;
        let keys = set.get_mut("keys").and_then(serde_json::Value::as_array_mut).map(std::mem::take);
        let keys = keys.ok_or_else(|| "the issuer's keys are no key set".to_owned())?;
        let keys = keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok(Self { keys })
    }

    /// Whether a key of this name is there.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Checks a token's signature with the key that it names, or where it names none, with each that it can be.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Result<(), String> {
        let Some(algorithm) = Algorithm::named(&token.header.alg) else {
            return Err("the token is signed in a way that is not accepted".to_owned());
        };
        let fits = |key: &&Key| match &token.header.kid {
            Some(kid) => key.kid.as_ref() == Some(kid),
            None => true,
        };
        let candidates: Vec<&Key> = self.keys.iter().filter(fits).filter(|key| key.may(algorithm)).collect();
        if candidates.is_empty() {
            return Err("the token is signed with a key that its issuer does not have".to_owned());
        }
        let good =
            candidates.iter().any(|key| key.checks(algorithm, token.signed.as_bytes(), &token.signature).is_some());
        if good { Ok(()) } else { Err("the token's signature is wrong".to_owned()) }
    }
}

/// A way to sign. Neither `none` nor any with a shared secret is among them: anybody could make those from public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    /// The kind and curve of its keys.
    fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Es256 => ("EC", "P-256"),
            Self::Es384 => ("EC", "P-384"),
            Self::EdDsa => ("OKP", "Ed25519"),
            _ => ("RSA", ""),
        }
    }
}

impl Key {
    /// Whether this key is for this way to sign: one for encryption, or for another way, is not.
    fn may(&self, algorithm: Algorithm) -> bool {
        let for_signatures = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let for_algorithm = self.alg.as_deref().is_none_or(|name| Algorithm::named(name) == Some(algorithm));
        (self.kty.as_str(), self.crv.as_str()) == algorithm.key() && for_signatures && for_algorithm
    }

    /// Nothing, if the signature is not this key's.
    fn checks(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Option<()> {
        match algorithm {
            Algorithm::Rs256 => Pkcs1::<Sha256>::new(self.rsa()?).verify(signed, &signature.try_into().ok()?).ok(),
            Algorithm::Rs384 => Pkcs1::<Sha384>::new(self.rsa()?).verify(signed, &signature.try_into().ok()?).ok(),
            Algorithm::Rs512 => Pkcs1::<Sha512>::new(self.rsa()?).verify(signed, &signature.try_into().ok()?).ok(),
            Algorithm::Ps256 => Pss::<Sha256>::new(self.rsa()?).verify(signed, &signature.try_into().ok()?).ok(),
            Algorithm::Ps384 => Pss::<Sha384>::new(self.rsa()?).verify(signed, &signature.try_into().ok()?).ok(),
            Algorithm::Ps512 => Pss::<Sha512>::new(self.rsa()?).verify(signed, &signature.try_into().ok()?).ok(),
            Algorithm::Es256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.point()?).ok()?;
                key.verify(signed, &p256::ecdsa::Signature::from_slice(signature).ok()?).ok()
            }
            Algorithm::Es384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&self.point()?).ok()?;
                key.verify(signed, &p384::ecdsa::Signature::from_slice(signature).ok()?).ok()
            }
            Algorithm::EdDsa => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes(&self.x)?.try_into().ok()?).ok()?;
                key.verify_strict(signed, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
            }
        }
    }

    fn rsa(&self) -> Option<RsaPublicKey> {
        let modulus = BigUint::from_bytes_be(&bytes(&self.n)?);
        let exponent = BigUint::from_bytes_be(&bytes(&self.e)?);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&modulus.bits()) {
            return None;
        }
        RsaPublicKey::new_with_max_size(modulus, exponent, RSA_BITS_MAX).ok()
    }

    /// The point of an elliptic curve, uncompressed.
    fn point(&self) -> Option<Vec<u8>> {
        Some([&[4], &bytes(&self.x)?[..], &bytes(&self.y)?[..]].concat())
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

#[cfg(test)]
mod tests;
