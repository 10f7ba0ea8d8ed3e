//! What is stored beside an upload's bytes, so that any process can go on with it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::hashes::{Hashes, SavedHashes};
use crate::oci::Algorithm;

/// A state larger than this is none of ours: 10,000 parts stay below it, and so do the bytes of a small upload.
pub(super) const STATE_BYTES_MAX: u64 = 1 << 20;

/// The stored state: JSON, written whole each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UploadState {
    /// How many bytes there are.
    pub offset: u64,
    /// The hashes over them.
    pub hashes: SavedHashes,
    /// The names of the pieces, in order, where storage can't append; empty where it can.
    #[serde(default)]
    pub parts: Vec<String>,
    /// All bytes so far, in base64, of a small upload on a remote backend: one object is cheaper there than two. Then there are
    /// no parts.
    #[serde(default, with = "text", skip_serializing_if = "Bytes::is_empty")]
    pub inline: Bytes,
    /// Of a state that had to be the first one: a random name of who wrote it. An attempt whose answer was lost is known by it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_by: String,
}

mod text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom)
    }
}

impl UploadState {
    /// Of an upload that has no bytes yet.
    pub(super) fn new(algorithm: Option<Algorithm>) -> Self {
        let hashes = Hashes::new(algorithm).save();
        Self { offset: 0, hashes, parts: Vec::new(), inline: Bytes::new(), first_by: String::new() }
    }

    pub(super) fn encode(&self) -> Bytes {
        // A struct of numbers and strings always has a JSON form.
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }

    /// `None` for anything that [`UploadState::encode`] has not written, a torn write among it.
    pub(super) fn decode(content: &[u8]) -> Option<Self> {
        let state: Self = serde_json::from_slice(content).ok()?;
        Hashes::restore(&state.hashes)?;
        let fits = state.inline.is_empty() || state.parts.is_empty() && state.inline.len() as u64 == state.offset;
        fits.then_some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_state_comes_back_as_it_went() {
        for algorithm in [None, Some(Algorithm::Sha512)] {
            let state = UploadState { parts: vec!["a".to_owned()], offset: 7, ..UploadState::new(algorithm) };
            assert_eq!(UploadState::decode(&state.encode()), Some(state.clone()));
            let torn = state.encode();
            assert_eq!(UploadState::decode(&torn[..torn.len() - 1]), None);
            let small = UploadState { offset: 3, inline: Bytes::from_static(b"abc"), ..UploadState::new(algorithm) };
            assert_eq!(UploadState::decode(&small.encode()), Some(small.clone()));
            assert_eq!(UploadState::decode(&UploadState { offset: 4, ..small }.encode()), None);
        }
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(content in any::<Vec<u8>>()) {
            prop_assert_eq!(UploadState::decode(&content), None);
        }
    }
}
