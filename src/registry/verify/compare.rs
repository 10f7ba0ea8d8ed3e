//! Reading bytes and comparing them with a digest.

use futures_util::TryStreamExt as _;

use crate::oci::{Digest, Hasher};
use crate::storage::{ByteRange, Result, Storage, StorageError, layout};

/// What stored bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What their digest says.
    Whole,
    /// Not there.
    Missing,
    /// Something that has this digest.
    Other(Digest),
    /// Not to be had.
    Unreadable(String),
}

/// Reads what is stored as `canonical`; whether it has the digest `digest`, and how many bytes were read.
pub(super) async fn compare(storage: &dyn Storage, canonical: &Digest, digest: &Digest) -> (Verdict, u64) {
    let mut bytes = 0;
    let verdict = match hash(storage, canonical, Hasher::new(digest.algorithm()), &mut bytes).await {
        Ok(found) if found == *digest => Verdict::Whole,
        Ok(found) => Verdict::Other(found),
        Err(error) if error.is_not_found() => Verdict::Missing,
        Err(error) => Verdict::Unreadable(error.to_string()),
    };
    (verdict, bytes)
}

async fn hash(storage: &dyn Storage, canonical: &Digest, mut hasher: Hasher, bytes: &mut u64) -> Result<Digest> {
    let key = layout::blob_data(canonical);
    let mut body = storage.read(&key, ByteRange::ALL).await?.body;
    while let Some(piece) = body.try_next().await? {
        *bytes += piece.len() as u64;
        let hashed = tokio::task::spawn_blocking(move || {
            hasher.update(&piece);
            hasher
        });
        // Hashing can't fail; the task only disappears when the runtime is shutting down.
        hasher = hashed
            .await
            .map_err(|error| StorageError::new(crate::storage::ErrorKind::Other, "hash", &key).with_source(error))?;
    }
    Ok(hasher.finish())
}
