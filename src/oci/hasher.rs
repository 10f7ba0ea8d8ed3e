//! Running hashes: one kind whose state can be stored and taken up again by another process, and one that only runs.

use aws_lc_rs::digest as aws_lc;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Algorithm, Digest};

/// A hash in progress.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    /// In assembly for CPUs without SHA extensions, where `sha2` needs almost twice the time (measured on a Cascade Lake:
    /// 350 against 190 MB/s). Its state can't be taken out.
    Sha256Running(aws_lc::Context),
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

    /// Starts a hash of nothing, by the fastest way that this CPU has; that one may have no state to save.
    pub fn fastest(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 if !has_sha_extensions() => {
                Self(State::Sha256Running(aws_lc::Context::new(&aws_lc::SHA256)))
            }
            _ => Self::new(algorithm),
        }
    }

    /// The digest of `bytes` in one go.
    pub fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
        let mut hasher = Self::fastest(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Which algorithm this is.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) | State::Sha256Running(_) => Algorithm::Sha256,
            State::Sha384(_) => Algorithm::Sha384,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Adds `bytes`. Costs about 1 ms per MiB on a CPU with SHA extensions, 3 ms on others: keep large pieces off the
    /// async threads.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha256Running(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of everything added so far.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::from_raw(Algorithm::Sha256, &state.finalize()),
            State::Sha256Running(state) => Digest::from_raw(Algorithm::Sha256, state.finish().as_ref()),
            State::Sha384(state) => Digest::from_raw(Algorithm::Sha384, &state.finalize()),
            State::Sha512(state) => Digest::from_raw(Algorithm::Sha512, &state.finalize()),
        }
    }

    /// The state as bytes that [`Hasher::restore`] takes up again: 105 bytes for SHA-256, 209 for the others. It holds the
    /// last partial block of the content, so it is as confidential as the content is. `None` where [`Hasher::fastest`] chose
    /// a way without one.
    pub fn save(&self) -> Option<Vec<u8>> {
        match &self.0 {
            State::Sha256(state) => Some(state.serialize().to_vec()),
            State::Sha256Running(_) => None,
            State::Sha384(state) => Some(state.serialize().to_vec()),
            State::Sha512(state) => Some(state.serialize().to_vec()),
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

/// Whether `sha2` finds instructions for SHA-256 here; it looks at the same features itself.
fn has_sha_extensions() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
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
                let state = first.save().ok_or(TestCaseError::fail("no state"))?;
                let mut second = Hasher::restore(algorithm, &state).ok_or(TestCaseError::fail("no state"))?;
                second.update(&tail);
                let whole: Vec<u8> = head.iter().chain(&tail).copied().collect();
                prop_assert_eq!(second.clone().finish(), Hasher::digest(algorithm, &whole));
                // Both kinds of SHA-256, whichever is the fastest here.
                let running = Hasher(State::Sha256Running(aws_lc::Context::new(&aws_lc::SHA256)));
                let mut running = if algorithm == Algorithm::Sha256 { running } else { Hasher::new(algorithm) };
                running.update(&head);
                running.update(&tail);
                prop_assert_eq!(running.finish(), second.finish());
            }
        }
    }
}
