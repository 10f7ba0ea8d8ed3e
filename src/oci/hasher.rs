//! Running hashes whose state can be stored and taken up again, by this process or by another one.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Algorithm, Digest};

/// A hash in progress.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// Starts a hash of nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// The digest of `bytes` in one go.
    pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Self::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Which algorithm this is.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha384(_) => Algorithm::Sha384,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Adds `bytes`. Costs about 1 ms per MiB on a CPU with SHA extensions: keep large pieces off the async threads.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of everything added so far.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::from_raw(Algorithm::Sha256, &state.finalize()),
            State::Sha384(state) => Digest::from_raw(Algorithm::Sha384, &state.finalize()),
            State::Sha512(state) => Digest::from_raw(Algorithm::Sha512, &state.finalize()),
        }
    }

    /// The state as bytes that [`Hasher::restore`] takes up again: 105 bytes for SHA-256, 209 for the others. It holds the
    /// last partial block of the content, so it is as confidential as the content is.
    pub fn save(&self) -> Vec<u8> {
        match &self.0 {
            State::Sha256(state) => state.serialize().to_vec(),
            State::Sha384(state) => state.serialize().to_vec(),
            State::Sha512(state) => state.serialize().to_vec(),
        }
    }

    /// Takes up a state that [`Hasher::save`] wrote; `None` when the bytes are not such a state.
    pub fn restore(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        fn take<H: SerializableState>(bytes: &[u8]) -> Option<H> {
            let state = SerializedState::<H>::try_from(bytes).ok()?;
            H::deserialize(&state).ok()
        }
        Some(Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(take(bytes)?),
            Algorithm::Sha384 => State::Sha384(take(bytes)?),
            Algorithm::Sha512 => State::Sha512(take(bytes)?),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_empty_content_has_its_well_known_digest() {
        assert_eq!(
            Hasher::digest(Algorithm::Sha256, b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn bytes_that_are_no_state_are_refused() {
        assert!(Hasher::restore(Algorithm::Sha256, b"short").is_none());
        assert!(Hasher::restore(Algorithm::Sha512, &[255; 105]).is_none());
    }

    proptest! {
        #[test]
        fn a_saved_state_goes_on_as_if_nothing_had_happened(head in any::<Vec<u8>>(), tail in any::<Vec<u8>>()) {
            for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
                let mut first = Hasher::new(algorithm);
                first.update(&head);
                let mut second = Hasher::restore(algorithm, &first.save()).ok_or(TestCaseError::fail("no state"))?;
                second.update(&tail);
                let whole: Vec<u8> = head.iter().chain(&tail).copied().collect();
                prop_assert_eq!(second.finish(), Hasher::digest(algorithm, &whole));
            }
        }
    }
}
