//! What is stored beside an upload's bytes, so that any process can go on with it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::hashes::{Hashes, SavedHashes};
use crate::oci::Algorithm;

/// A state larger than this is none of ours: even 10,000 parts stay below it.
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
}

impl UploadState {
    /// Of an upload that has no bytes yet.
    pub(super) fn new(algorithm: Option<Algorithm>) -> Self {
        Self { offset: 0, hashes: Hashes::new(algorithm).save(), parts: Vec::new() }
    }

    pub(super) fn encode(&self) -> Bytes {
        // A struct of numbers and strings always has a JSON form.
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }

    /// `None` for anything that [`UploadState::encode`] has not written, a torn write among it.
    pub(super) fn decode(content: &[u8]) -> Option<Self> {
        let state: Self = serde_json::from_slice(content).ok()?;
        Hashes::restore(&state.hashes)?;
        Some(state)
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
        }
    }

    proptest! {
        #[test]
        fn no_content_makes_it_panic(content in any::<Vec<u8>>()) {
            prop_assert_eq!(UploadState::decode(&content), None);
        }
    }
}
