//! The end of an upload: the digest is checked, and the blob becomes visible.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;

use super::BlobBody;
use super::ingest::gather;
use super::session::Session;
use crate::oci::{Algorithm, Digest, Hasher};
use crate::registry::blobs::{Blob, BlobSource};
use crate::registry::{Error, Result};
use crate::storage::ByteRange;

/// A blob up to this size that arrives in one request is held in memory and written in one go, without being staged.
const SMALL_BLOB_BYTES_MAX: u64 = 256 << 10;

impl Session {
    /// Takes the last bytes, checks the digest and commits.
    pub(super) async fn finish(&mut self, body: BlobBody, digest: &Digest) -> Result<Blob> {
        let small = self.offset == 0 && body.bytes_expected.is_some_and(|bytes| bytes <= SMALL_BLOB_BYTES_MAX);
        let source = if small {
            BlobSource::Bytes(self.take_small(body).await?)
        } else {
            self.append(body).await?;
            self.read_staged_or_placed(digest).await?;
            match self.staged() {
                parts if parts.is_empty() => BlobSource::Bytes(Bytes::new()),
                parts => BlobSource::Staged(parts),
            }
        };
        let found = match self.hashes.digest(digest.algorithm()) {
            Some(found) => found,
            None => self.hash_again(&source, digest.algorithm()).await?,
        };
        let canonical = self.hashes.canonical();
        let committed = if found == *digest {
            self.registry
                .commit_blob(&self.repository, source, self.offset, &canonical, digest)
                .await
                .map(|()| Blob { canonical, size: self.offset })
        } else {
            Err(Error::DigestMismatch { expected: digest.clone(), found })
        };
        // A failing backend leaves the upload as it is, for the client to try again; a wrong digest never gets right.
        if matches!(committed, Ok(_) | Err(Error::DigestMismatch { .. })) {
            self.registry.clone().discard_upload(&self.repository, &self.id).await;
        }
        committed
    }

    /// Holds a small body in memory.
    async fn take_small(&mut self, mut body: BlobBody) -> Result<Bytes> {
        let expected = body.bytes_expected.unwrap_or_default();
        let mut pieces = Vec::new();
        loop {
            let more = gather(&mut body, SMALL_BLOB_BYTES_MAX as usize).await?;
            if more.is_empty() {
                break;
            }
            pieces.extend(more);
            self.offset = pieces.iter().map(|piece| piece.len() as u64).sum();
            if self.offset > expected {
                return Err(Error::Body("it is longer than its Content-Length".to_owned()));
            }
        }
        self.hashes = self.hashes.clone().update(pieces.clone()).await;
        Ok(match pieces.len() {
            1 => pieces.remove(0),
            _ => pieces
                .iter()
                .fold(BytesMut::new(), |mut whole, piece| {
                    whole.extend_from_slice(piece);
                    whole
                })
                .freeze(),
        })
    }

    /// The digest under an algorithm that nobody announced: the bytes are read once more.
    async fn hash_again(&self, source: &BlobSource, algorithm: Algorithm) -> Result<Digest> {
        let mut hasher = Hasher::fastest(algorithm);
        let parts = match source {
            BlobSource::Bytes(content) => {
                hasher.update(content);
                return Ok(hasher.finish());
            }
            BlobSource::Staged(parts) => parts,
        };
        for part in parts {
            let mut body = self.registry.storage.read(part, ByteRange::ALL).await?.body;
            while let Some(piece) = body.try_next().await? {
                hasher = tokio::task::spawn_blocking(move || {
                    hasher.update(&piece);
                    hasher
                })
                .await
                .map_err(|error| Error::Internal(error.to_string()))?;
            }
        }
        Ok(hasher.finish())
    }
}
