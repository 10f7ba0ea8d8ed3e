//! Content digests: `algorithm:encoded`, as in the OCI image specification, "Digests".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The hash algorithms that Wharf computes and stores under.
///
/// `sha256` is canonical: every blob is stored under its SHA-256, whatever digest it was pushed under, which is what
/// `distribution` does and what makes one copy serve every algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal digits; registered by the OCI image specification.
    Sha256,
    /// SHA-384, 96 hexadecimal digits; not registered, but accepted because `distribution` accepts it.
    Sha384,
    /// SHA-512, 128 hexadecimal digits; registered by the OCI image specification.
    Sha512,
}

impl Algorithm {
    /// The algorithm that blobs are stored under.
    pub const CANONICAL: Self = Self::Sha256;

    /// The name in front of the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits the encoded part has.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(DigestError::UnknownAlgorithm),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a digest that Wharf can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:` in front.
    #[error("a digest has the form algorithm:hex, for example sha256:e3b0…")]
    Malformed,
    /// The algorithm is none of [`Algorithm`].
    #[error("the digest algorithm is not supported: use sha256 or sha512")]
    UnknownAlgorithm,
    /// The encoded part has the wrong length, or something in it is not a lower-case hexadecimal digit.
    #[error("the encoded part of the digest must be lower-case hexadecimal of the algorithm's exact length")]
    BadEncoding,
}

/// A parsed digest. Its encoded part is always lower-case hexadecimal of exactly the algorithm's length, so it is safe as
/// a path component and needs no further checks.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    text: Box<str>,
}

impl Digest {
    /// Builds a digest from the raw output of a hash function. `raw` must be exactly as long as the algorithm's output;
    /// [`crate::oci::Hasher`] is the one caller.
    pub(crate) fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let name = algorithm.as_str();
        let mut text = String::with_capacity(name.len() + 1 + raw.len() * 2);
        text.push_str(name);
        text.push(':');
        for byte in raw {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        Self { algorithm, text: text.into_boxed_str() }
    }

    /// The algorithm in front of the colon.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The encoded part: lower-case hexadecimal.
    pub fn hex(&self) -> &str {
        &self.text[self.algorithm.as_str().len() + 1..]
    }

    /// The whole text, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether blobs are stored under this digest itself, not under an alias of it.
    pub fn is_canonical(&self) -> bool {
        self.algorithm == Algorithm::CANONICAL
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::Malformed)?;
        let algorithm = Algorithm::from_str(algorithm)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != algorithm.hex_len() || !hex.bytes().all(lower_hex) {
            return Err(DigestError::BadEncoding);
        }
        Ok(Self { algorithm, text: text.into() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrong_lengths_and_upper_case_are_refused() {
        let good = format!("sha256:{}", "a".repeat(64));
        assert_eq!(good.parse::<Digest>().map(|d| d.to_string()), Ok(good));
        for (text, why) in [
            (format!("sha256:{}", "a".repeat(63)), DigestError::BadEncoding),
            (format!("sha256:{}", "a".repeat(65)), DigestError::BadEncoding),
            (format!("sha256:{}", "A".repeat(64)), DigestError::BadEncoding),
            (format!("md5:{}", "a".repeat(32)), DigestError::UnknownAlgorithm),
            ("sha256".to_owned(), DigestError::Malformed),
            (String::new(), DigestError::Malformed),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_came(text in "(sha256|sha384|sha512|md5|):?[0-9a-fA-F]{0,130}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text.clone());
                prop_assert_eq!(format!("{}:{}", digest.algorithm(), digest.hex()), text);
            }
        }
    }
}
