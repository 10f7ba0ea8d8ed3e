//! The signature algorithms of tokens (RFC 7518 §3.1, RFC 8037), and how each is verified.

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::key::{Curve, PublicKey};

/// An algorithm by which a token may be signed.
///
/// The HMAC algorithms are known by name only. Their key is a secret that signer and verifier share; everything this provider
/// knows of a signer is public, so a token "signed" with HMAC was signed by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Algorithm {
    /// As in the header of a token.
    pub(super) name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hmac,
    Rsa(&'static RsaParameters),
    Ecdsa(Curve, &'static EcdsaVerificationAlgorithm),
    Ed25519,
}

/// All that have a name.
static KNOWN: [Algorithm; 13] = [
    named("EdDSA", Kind::Ed25519),
    named("HS256", Kind::Hmac),
    named("HS384", Kind::Hmac),
    named("HS512", Kind::Hmac),
    named("RS256", Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256)),
    named("RS384", Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384)),
    named("RS512", Kind::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512)),
    named("ES256", Kind::Ecdsa(Curve::P256, &signature::ECDSA_P256_SHA256_FIXED)),
    named("ES384", Kind::Ecdsa(Curve::P384, &signature::ECDSA_P384_SHA384_FIXED)),
    named("ES512", Kind::Ecdsa(Curve::P521, &signature::ECDSA_P521_SHA512_FIXED)),
    named("PS256", Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA256)),
    named("PS384", Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA384)),
    named("PS512", Kind::Rsa(&signature::RSA_PSS_2048_8192_SHA512)),
];

const fn named(name: &'static str, kind: Kind) -> Algorithm {
    Algorithm { name, kind }
}

impl Algorithm {
    /// The algorithms that are configured by name; all that can be verified when none is.
    ///
    /// Fails with a sentence for the operator when a name is unknown, or when only HMAC is left.
    pub(super) fn allowed(names: &[String]) -> Result<Vec<Self>, String> {
        for name in names {
            if !KNOWN.iter().any(|known| known.name == name) {
                let known: Vec<&str> = Self::verifiable().map(|known| known.name).collect();
                return Err(format!("{name:?} is no signature algorithm; known are {}", known.join(", ")));
            }
        }
        let allowed: Vec<Self> = Self::verifiable()
            .filter(|known| names.is_empty() || names.iter().any(|name| name == known.name))
            .copied()
            .collect();
        if allowed.is_empty() {
            return Err(
                "only HMAC algorithms are named, and no key for them can be configured; name another".to_owned()
            );
        }
        Ok(allowed)
    }

    fn verifiable() -> impl Iterator<Item = &'static Self> {
        KNOWN.iter().filter(|known| known.kind != Kind::Hmac)
    }

    /// Whether a key can have made a signature of this algorithm at all. An algorithm never takes a key of another family, nor
    /// a curve of another size.
    pub(super) fn fits(self, key: &PublicKey) -> bool {
        match (self.kind, key) {
            (Kind::Rsa(_), PublicKey::Rsa { .. }) | (Kind::Ed25519, PublicKey::Ed25519 { .. }) => true,
            (Kind::Ecdsa(curve, _), PublicKey::Ec { curve: of_key, .. }) => curve == *of_key,
            _ => false,
        }
    }

    /// Whether the signature over the message was made with this algorithm by the owner of the key.
    pub(super) fn verify(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        match (self.kind, key) {
            (Kind::Rsa(parameters), PublicKey::Rsa { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            (Kind::Ecdsa(curve, algorithm), PublicKey::Ec { curve: of_key, point }) if curve == *of_key => {
                UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
            }
            (Kind::Ed25519, PublicKey::Ed25519 { point }) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(message, signature).is_ok()
            }
            _ => false,
        }
    }
}
