//! Tokens, signed and forged by hand so that every part of them can be wrong.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use sha2::Digest as _;

/// A token server's key and its certificate.
pub struct Issuer {
    key: KeyPair,
    pub certificate_pem: String,
    certificate_der: Vec<u8>,
}

impl Issuer {
    /// An issuer with an ECDSA key on P-256.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new(vec!["auth.example".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        Self { key, certificate_pem: certificate.pem(), certificate_der: certificate.der().to_vec() }
    }

    /// `x` and `y` of the public key.
    fn point(&self) -> (String, String) {
        let raw = self.key.public_key_raw();
        assert_eq!((raw[0], raw.len()), (4, 65), "an uncompressed point");
        (URL_SAFE_NO_PAD.encode(&raw[1..33]), URL_SAFE_NO_PAD.encode(&raw[33..]))
    }

    /// The key as a JWK, without `kid`.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.point();
        json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
    }

    /// The thumbprint of RFC 7638, which is how `distribution` v3 names the keys of its bundle.
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.point();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(canonical))
    }

    /// The fingerprint of libtrust, which is how `distribution` v2 names them.
    pub fn libtrust_id(&self) -> String {
        let hash = sha2::Sha256::digest(self.key.subject_public_key_info());
        let text = data_encoding::BASE32_NOPAD.encode(&hash[..30]);
        let groups = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned());
        groups.collect::<Vec<_>>().join(":")
    }

    /// The certificate as it stands in `x5c`.
    pub fn x5c(&self) -> Value {
        json!([STANDARD.encode(&self.certificate_der)])
    }

    /// Signs a token with ES256, whatever the header says.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let der = self.key.serialized_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).expect("a key");
        let signature = key.sign(&rand::SystemRandom::new(), message.as_bytes()).expect("a signature");
        let signature = URL_SAFE_NO_PAD.encode(signature);
        format!("{message}.{signature}")
    }

    /// A token in which everything is right.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"typ": "JWT", "alg": "ES256", "kid": self.thumbprint()}), claims)
    }

    /// Signs with HMAC and a key that everybody knows.
    pub fn sign_hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
        let message = message(header, claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
        format!("{message}.{signature}")
    }

    /// The public key as somebody would use it for a forgery: the DER of the key and the PEM of the certificate.
    pub fn public_forms(&self) -> [Vec<u8>; 3] {
        let info = self.key.subject_public_key_info();
        [info, self.certificate_pem.clone().into_bytes(), self.key.public_key_raw().to_vec()]
    }
}

/// Header and claims, encoded, without a signature.
pub fn message(header: &Value, claims: &Value) -> String {
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Claims that are valid now; `access` in the form `[(repository, actions)]`.
pub fn claims(access: &[(&str, &[&str])]) -> Value {
    let entries = access.iter().map(|(name, actions)| json!({"type": "repository", "name": name, "actions": actions}));
    json!({
        "iss": "auth.example", "aud": "registry.example", "sub": "ci", "jti": "1",
        "iat": now(), "nbf": now() - 10, "exp": now() + 300,
        "access": entries.collect::<Vec<_>>(),
    })
}
