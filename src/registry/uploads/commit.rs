//! The end of an upload: the digest is checked, and the blob becomes visible.

use futures_util::TryStreamExt as _;

use super::BlobBody;
use super::ingest::{Head, head};
use super::running::SMALL_BLOB_BYTES_MAX;
use super::session::Session;
use crate::oci::{Algorithm, Digest, Hasher};
use crate::registry::blobs::{Blob, BlobSource};
use crate::registry::{Error, Result};
use crate::storage::ByteRange;

impl Session {
    /// Takes the last bytes, checks the digest and commits.
    pub(super) async fn finish(&mut self, body: BlobBody, digest: &Digest) -> Result<Blob> {
        let finished = self.try_finish(body, digest).await;
        // A failing backend leaves the upload as it is, for the client to try again; a wrong digest never gets right.
        if matches!(finished, Ok(_) | Err(Error::DigestMismatch { .. })) {
            self.discard().await;
        }
        finished
    }

    async fn try_finish(&mut self, body: BlobBody, digest: &Digest) -> Result<Blob> {
        if let Some(body) = self.take_small(body).await? {
            self.append(body).await?;
            self.read_staged_or_placed(digest).await?;
        }
        let source = match self.staged() {
            parts if parts.is_empty() => BlobSource::Bytes(self.inline.clone()),
            parts => BlobSource::Staged(parts),
        };
        let found = match self.hashes.digest(digest.algorithm()) {
            Some(found) => found,
            None => self.hash_again(&source, digest.algorithm()).await?,
        };
        if found != *digest {
            return Err(Error::DigestMismatch { expected: digest.clone(), found });
        }
        let canonical = self.hashes.canonical();
        self.registry.commit_blob(&self.repository, source, self.offset, &canonical, digest).await?;
        Ok(Blob { canonical, size: self.offset })
    }

    /// Holds a small body in memory, with everything that came before it; gives any other body back.
    async fn take_small(&mut self, body: BlobBody) -> Result<Option<BlobBody>> {
        let Some(_place) = self.registry.uploads.small().filter(|_| self.is_in_memory()) else { return Ok(Some(body)) };
        let expected = body.bytes_expected;
        match head(body, SMALL_BLOB_BYTES_MAX as usize).await? {
            Head::Longer(body) => Ok(Some(body)),
            Head::Whole(pieces) => {
                self.read_staged().await?;
                let before = self.offset;
                self.add_inline(pieces).await;
                match expected {
                    Some(bytes) if self.offset - before > bytes => {
                        Err(Error::Body("it is longer than its Content-Length".to_owned()))
                    }
                    _ => Ok(None),
                }
            }
        }
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
