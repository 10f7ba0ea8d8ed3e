//! The signature: HMAC-SHA256 over the time and the body.
//!
//! The time is under the signature, so a receiver that refuses old ones can't be told the same thing twice by somebody who
//! listened.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header: `t=<seconds since 1970>,v1=<HMAC in hexadecimal>`.
pub(crate) const HEADER: &str = "wharf-signature";

/// The header's value. What is signed is `<seconds since 1970>.<body>`.
pub(crate) fn sign(secret: &[u8], now_seconds: u64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        // A key of any length is fine for HMAC; this is here because the trait can't say so.
        return String::new();
    };
    mac.update(format!("{now_seconds}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={now_seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23";
        assert_eq!(sign(b"0123456789abcdef", 1_700_000_000, b"{\"a\":1}"), expected);
    }
}
