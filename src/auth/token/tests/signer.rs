//! Signs tokens, well or ill.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of any header and claims, signed by whatever is given.
pub(super) fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encode(signature))
}

/// A token server's key on P-256, with a certificate for it.
pub(super) struct Signer {
    pub(super) certificate: Certificate,
    key: EcdsaKeyPair,
}

impl Signer {
    /// Signs its own certificate, as `openssl req -x509` makes it.
    pub(super) fn new() -> Self {
        Self::build(|params, key| params.self_signed(key).unwrap())
    }

    pub(super) fn build(certify: impl FnOnce(CertificateParams, &KeyPair) -> Certificate) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = certify(CertificateParams::default(), &key);
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der()).unwrap();
        Self { certificate, key }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = &self.key.public_key().as_ref()[1..];
        json!({"kty": "EC", "crv": "P-256", "x": encode(&point[..32]), "y": encode(&point[32..])})
    }

    pub(super) fn public(&self) -> super::PublicKey {
        super::PublicKey::from_jwk(&serde_json::from_value(self.jwk()).unwrap()).unwrap()
    }

    pub(super) fn x5c(&self) -> String {
        STANDARD.encode(self.certificate.der())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        token(header, claims, |message| self.sign(message))
    }

    /// As most servers sign: with the key's thumbprint as id.
    pub(super) fn plain(&self, claims: &Value) -> String {
        self.token(&json!({"alg": "ES256", "typ": "JWT", "kid": self.public().thumbprint()}), claims)
    }
}

/// A certificate authority.
pub(super) struct Authority {
    pub(super) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// An authority that this one vouches for.
    pub(super) fn authority(&self) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "intermediate");
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub(super) fn signer(&self, change: impl FnOnce(&mut CertificateParams)) -> Signer {
        Signer::build(|mut params, key| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "signer");
            change(&mut params);
            params.signed_by(key, &self.issuer).unwrap()
        })
    }
}

/// A token server's RSA key.
pub(super) struct RsaSigner {
    key: RsaKeyPair,
    certified: KeyPair,
    pub(super) certificate: Certificate,
}

impl RsaSigner {
    pub(super) fn new() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(der.as_ref());
        let certified = KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = CertificateParams::default().self_signed(&certified).unwrap();
        Self { key, certified, certificate }
    }

    pub(super) fn public_pem(&self) -> String {
        self.certified.public_key_pem()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }
}
