//! Canonical digests without their text: a large registry has millions, and upkeep holds all of them at once.

use crate::oci::{Algorithm, Digest};

/// A SHA-256 in 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Sha256Key([u8; 32]);

impl Sha256Key {
    /// `None` for a digest of another algorithm.
    pub(super) fn of(digest: &Digest) -> Option<Self> {
        if digest.algorithm() != Algorithm::Sha256 {
            return None;
        }
        let mut raw = [0; 32];
        for (byte, pair) in raw.iter_mut().zip(digest.hex().as_bytes().chunks_exact(2)) {
            // A digest holds lower-case hexadecimal digits only.
            let nibble =
                |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit.wrapping_sub(b'a' - 10) & 15 };
            *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
        }
        Some(Self(raw))
    }

    /// The digest in text.
    pub(super) fn digest(self) -> Digest {
        Digest::from_raw(Algorithm::Sha256, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Hasher;

    #[test]
    fn a_digest_comes_back_as_it_went() {
        for content in 0..64_u8 {
            let digest = Hasher::digest(Algorithm::Sha256, &[content]);
            assert_eq!(Sha256Key::of(&digest).map(Sha256Key::digest), Some(digest));
        }
        assert_eq!(Sha256Key::of(&Hasher::digest(Algorithm::Sha512, b"")), None);
    }
}
