//! The text of a token: a JWS in compact form (RFC 7515 §7.1).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How long a token may be. It has to fit into a header anyway.
const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// How many certificates a token may bring.
const CHAIN_CERTIFICATES_MAX: usize = 8;

/// A token taken apart. Nothing in it has been verified.
#[derive(Debug)]
pub struct Jws<'a> {
    /// What it says about its signature.
    pub header: Header,
    /// The claims' JSON.
    pub payload: Vec<u8>,
    /// What the signature is over.
    pub signed: &'a [u8],
    /// The signature itself.
    pub signature: Vec<u8>,
}

/// What the header says about the signature. Members that name a URL to fetch keys from (`jku`, `x5u`) are ignored: who signs
/// a token has no say in what we trust.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// The name of the algorithm. Any text.
    pub alg: String,
    /// The id of the key. Any text.
    pub kid: Option<String>,
    x5c: Option<Vec<String>>,
    jwk: Option<Embedded>,
    crit: Option<Value>,
}

/// A key that the token brings along. Its own members are not even read: it counts as a reference to a key that is trusted.
#[derive(Debug, Deserialize)]
struct Embedded {
    kid: Option<String>,
    x5c: Option<Vec<String>>,
}

/// How a token says which key has signed it.
#[derive(Debug, PartialEq, Eq)]
pub enum KeyReference<'a> {
    /// By certificates in DER: first the signer's own, then those that vouch for it.
    Chain(Vec<Vec<u8>>),
    /// By the id of a key that must be trusted already.
    Id(&'a str),
}

impl<'a> Jws<'a> {
    /// Takes a token apart. Fails with the reason for the log, which repeats nothing of the token.
    pub fn parse(token: &'a str) -> Result<Self, String> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(format!("the token has more than {TOKEN_BYTES_MAX} bytes"));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("the token does not have three parts with dots between them".to_owned());
        };
        let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
        let header = decode("header", header)?;
        let header: Header = object(&header).map_err(|problem| format!("the token's header: {problem}"))?;
        if header.crit.is_some() {
            return Err("the token's header has critical extensions, and none is known here".to_owned());
        }
        Ok(Self { header, payload: decode("payload", payload)?, signed, signature: decode("signature", signature)? })
    }
}

impl Header {
    /// The first of: certificates, an embedded key's certificates, an embedded key's id, the id.
    pub fn key_reference(&self) -> Result<KeyReference<'_>, String> {
        let embedded = self.jwk.as_ref();
        let chain = if self.x5c.is_some() { &self.x5c } else { embedded.map_or(&None, |jwk| &jwk.x5c) };
        if let Some(chain) = chain {
            return certificates(chain).map(KeyReference::Chain);
        }
        let kid = if let Some(jwk) = embedded { &jwk.kid } else { &self.kid };
        kid.as_deref().map(KeyReference::Id).ok_or_else(|| "the token names no key (kid, x5c)".to_owned())
    }
}

/// Reads a JSON object. serde would take an array, too, and its items for the members in order.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it is no JSON object".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

fn certificates(chain: &[String]) -> Result<Vec<Vec<u8>>, String> {
    if !(1..=CHAIN_CERTIFICATES_MAX).contains(&chain.len()) {
        return Err(format!("x5c has {} certificates; 1 to {CHAIN_CERTIFICATES_MAX} are allowed", chain.len()));
    }
    let decode = |text: &String| STANDARD.decode(text).map_err(|_| "a certificate in x5c is not base64".to_owned());
    chain.iter().map(decode).collect()
}

fn decode(part: &str, text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("the token's {part} is not base64url without padding"))
}
