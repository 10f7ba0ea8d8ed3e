//! Ways past the stored state, for uploads that this process has begun and that fit into memory. Each holds whatever another
//! process has done meanwhile: a digest that fits proves the content, and a condition proves that no state was there.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::append::INLINE_BYTES_MAX;
use super::ingest::{Head, head};
use super::running::SMALL_BLOB_BYTES_MAX;
use super::session::Session;
use super::{BlobBody, UploadId, UploadStatus};
use crate::oci::{Digest, RepositoryName};
use crate::registry::{Error, Registry, Result};

/// What came of a way past the state.
pub(super) enum First {
    /// The bytes are in.
    Done(UploadStatus),
    /// They go the ordinary way.
    NotDone(BlobBody),
}

impl Session {
    /// Puts the whole of a short first chunk into a state that must be the first one.
    pub(super) async fn append_first(
        registry: &Arc<Registry>,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: BlobBody,
    ) -> Result<First> {
        let can = registry.storage.capabilities();
        if !can.remote || !can.conditional_put || can.append || at.is_some_and(|at| at > 0) {
            return Ok(First::NotDone(body));
        }
        let Some(_place) = registry.uploads.small() else { return Ok(First::NotDone(body)) };
        let fresh = Self::recall(registry, repository, id).filter(Self::is_fresh);
        let Some(mut session) = fresh else { return Ok(First::NotDone(body)) };
        let pieces = match head(body, INLINE_BYTES_MAX).await? {
            Head::Longer(body) => return Ok(First::NotDone(body)),
            Head::Whole(pieces) => pieces,
        };
        if pieces.is_empty() {
            return Ok(First::NotDone(whole(pieces)));
        }
        session.add_inline(pieces.clone()).await;
        let name = uuid::Uuid::new_v4().simple().to_string();
        match session.save_first(name.clone()).await {
            Ok(()) => return Ok(First::Done(session.status())),
            // It may have been done all the same, and one that was repeated on the way has found itself.
            Err(Error::Storage(_)) => {}
            Err(error) => return Err(error),
        }
        let stored = registry.load_upload_state(repository, id, true).await?;
        let ours = stored.first_by == name;
        Ok(if ours { First::Done(session.status()) } else { First::NotDone(whole(pieces)) })
    }

    /// Takes an upload to close it with `body`. What is remembered will do when it has the digest, together with the body if
    /// that is short.
    pub(super) async fn open_to_close(
        registry: Arc<Registry>,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: BlobBody,
        digest: &Digest,
    ) -> Result<(Self, BlobBody)> {
        let body = match Self::recall_to_close(&registry, repository, id, at, body, digest).await? {
            (Some(session), body) => return Ok((session, body)),
            (None, body) => body,
        };
        let session = Self::open(registry, repository, id).await?;
        session.expect_offset(at)?;
        Ok((session, body))
    }

    async fn recall_to_close(
        registry: &Arc<Registry>,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: BlobBody,
        digest: &Digest,
    ) -> Result<(Option<Self>, BlobBody)> {
        if !registry.storage.capabilities().remote {
            return Ok((None, body));
        }
        let Some(_place) = registry.uploads.small() else { return Ok((None, body)) };
        let recalled = Self::recall(registry, repository, id).filter(|session| session.expect_offset(at).is_ok());
        let Some(session) = recalled else { return Ok((None, body)) };
        // Behind parts, bytes have to be staged, and by then it is too late to find that the parts are not all.
        let bytes_max = if session.is_in_memory() { SMALL_BLOB_BYTES_MAX } else { 0 };
        match head(body, bytes_max as usize).await? {
            Head::Longer(body) => Ok((None, body)),
            Head::Whole(pieces) => {
                let hashes = session.hashes.clone().update(pieces.clone()).await;
                let fits = hashes.digest(digest.algorithm()).as_ref() == Some(digest);
                Ok((fits.then_some(session), whole(pieces)))
            }
        }
    }
}

/// A body that has arrived.
fn whole(pieces: Vec<Bytes>) -> BlobBody {
    let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
    BlobBody { stream: stream::iter(pieces.into_iter().map(Ok)).boxed(), bytes_expected: Some(bytes) }
}
