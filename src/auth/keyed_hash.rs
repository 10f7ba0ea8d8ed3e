//! Names for what has been verified, so that it can be remembered without being kept.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 under a key that is drawn at the start and never leaves the process: who sees what is remembered can neither
/// read a secret from it nor try secrets against it.
pub(crate) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// Draws a key. Fails when the system gives no random numbers.
    pub(crate) fn new() -> Result<Self, String> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|error| format!("no random numbers for a key: {error}"))?;
        Ok(Self(Hmac::new(&key.into())))
    }

    /// The hash of several parts. The length of each goes in, so that none can be shifted into its neighbour.
    pub(crate) fn of(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_can_not_be_shifted_into_each_other() {
        let hash = KeyedHash::new().unwrap();
        assert_eq!(hash.of(&[b"ab", b"c"]), hash.of(&[b"ab", b"c"]));
        assert_ne!(hash.of(&[b"ab", b"c"]), hash.of(&[b"a", b"bc"]));
        assert_ne!(hash.of(&[b"ab", b"c"]), hash.of(&[b"abc"]));
        assert_ne!(hash.of(&[b"ab", b""]), hash.of(&[b"ab"]));
    }

    #[test]
    fn every_process_has_its_own_key() {
        assert_ne!(KeyedHash::new().unwrap().of(&[b"a"]), KeyedHash::new().unwrap().of(&[b"a"]));
    }
}
