//! The hashes of an upload: the canonical one, and a second one where the client will finish with another algorithm.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::oci::{Algorithm, Digest, Hasher};

/// Up to this many bytes are hashed where they are; more would hold up the other tasks of the thread.
const INLINE_BYTES_MAX: usize = 32 << 10;

/// Running hashes over the same bytes.
#[derive(Clone)]
pub(super) struct Hashes {
    canonical: Hasher,
    second: Option<Hasher>,
}

/// Their state, as it is stored: base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedHashes {
    /// Absent where the bytes were hashed by a way that is faster but can't be saved: whoever goes on without the memory of
    /// the process that did it reads them once more.
    canonical: Option<String>,
    /// The algorithm and the state of the second one.
    second: Option<(String, String)>,
}

impl SavedHashes {
    /// Whether another process can go on from it without reading.
    pub(super) fn is_complete(&self) -> bool {
        self.canonical.is_some()
    }
}

/// What a stored state is good for.
pub(super) enum Restored {
    /// It goes on.
    Hashes(Hashes),
    /// The bytes have to be read again, for these.
    Anew(Hashes),
}

impl Hashes {
    /// Of an upload from its first byte, as fast as can be.
    pub(super) fn fastest(second: Option<Algorithm>) -> Self {
        Self { canonical: Hasher::fastest(Algorithm::CANONICAL), ..Self::new(second) }
    }

    /// Of nothing yet, with a state that can be saved.
    pub(super) fn new(second: Option<Algorithm>) -> Self {
        let second = second.filter(|algorithm| *algorithm != Algorithm::CANONICAL).map(Hasher::new);
        Self { canonical: Hasher::new(Algorithm::CANONICAL), second }
    }

    /// Adds the pieces, off the async threads when there is much of it.
    pub(super) async fn update(mut self, pieces: Vec<Bytes>) -> Self {
        if pieces.iter().map(Bytes::len).sum::<usize>() <= INLINE_BYTES_MAX {
            self.update_here(&pieces);
            return self;
        }
        let updated = tokio::task::spawn_blocking(move || {
            self.update_here(&pieces);
            self
        });
        match updated.await {
            Ok(hashes) => hashes,
            // Hashing can't fail; the task only disappears when the runtime is shutting down, and then so is this one.
            Err(_) => std::future::pending().await,
        }
    }

    fn update_here(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            self.canonical.update(piece);
            if let Some(second) = &mut self.second {
                second.update(piece);
            }
        }
    }

    /// The digest under an algorithm, if it was computed.
    pub(super) fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        if algorithm == Algorithm::CANONICAL {
            return Some(self.canonical());
        }
        let second = self.second.as_ref().filter(|hasher| hasher.algorithm() == algorithm)?;
        Some(second.clone().finish())
    }

    /// The canonical digest.
    pub(super) fn canonical(&self) -> Digest {
        self.canonical.clone().finish()
    }

    /// The second algorithm, if there is one.
    pub(super) fn second(&self) -> Option<Algorithm> {
        self.second.as_ref().map(Hasher::algorithm)
    }

    pub(super) fn save(&self) -> SavedHashes {
        let second = self.second.as_ref();
        SavedHashes {
            canonical: self.canonical.save().as_deref().map(encode),
            second: second.and_then(|hasher| Some((hasher.algorithm().to_string(), encode(&hasher.save()?)))),
        }
    }

    /// `None` when this is not a state that [`Hashes::save`] made.
    pub(super) fn restore(saved: &SavedHashes) -> Option<Restored> {
        let second = match &saved.second {
            Some((algorithm, state)) => Some(Hasher::restore(algorithm.parse().ok()?, &decode(state)?)?),
            None => None,
        };
        let Some(canonical) = &saved.canonical else {
            return Some(Restored::Anew(Self::new(second.map(|hasher| hasher.algorithm()))));
        };
        let canonical = Hasher::restore(Algorithm::CANONICAL, &decode(canonical)?)?;
        Some(Restored::Hashes(Self { canonical, second }))
    }
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
