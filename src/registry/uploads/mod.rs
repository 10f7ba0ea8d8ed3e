//! Uploads: how a blob comes in, in one piece or in many, through one process or several.
//!
//! Everything that an upload is lies in storage: its bytes so far, and beside them a small state object (how many, and the
//! state of the hashes), so that any process that sees the storage can go on with it. Bytes are hashed once, as they arrive,
//! and nothing is visible before the digest has been checked. What a process remembers besides only saves requests. A process that dies leaves an upload that stands where its last
//! state says; what came after that is cut off when the upload goes on.

mod append;
mod commit;
mod hashes;
mod id;
mod ingest;
mod purge;
mod remembered;
mod running;
mod schedule;
mod session;
mod shortcut;
mod state;
mod unfinished;

pub use id::{UploadId, UploadIdError};
pub use purge::{PurgeOutcome, PurgedUpload};
pub(super) use running::Running;
pub use schedule::PurgeSchedule;
pub use unfinished::UnfinishedOutcome;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use self::hashes::Hashes;
use self::remembered::Remembered;
use self::session::Session;
use self::shortcut::First;
use self::state::UploadState;
use super::{Blob, Error, Registry, Result};
use crate::oci::{Algorithm, Digest, RepositoryName};
use crate::storage::{OptionalExt, StorageKey, WriteOptions, layout};

/// The bytes of a request, as they arrive. An error ends the stream: the client went away.
pub struct BlobBody {
    /// The bytes.
    pub stream: BoxStream<'static, std::result::Result<Bytes, String>>,
    /// How many there will be, if the client said so. Trusted only as a hint.
    pub bytes_expected: Option<u64>,
}

/// Where an upload stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStatus {
    /// Which upload.
    pub id: UploadId,
    /// How many bytes it has.
    pub offset: u64,
}

impl Registry {
    /// Begins an upload. `algorithm` is the one that the client will finish it with, if it said so: naming another one than
    /// SHA-256 here spares a second reading at the end.
    pub async fn start_upload(
        &self,
        repository: &RepositoryName,
        algorithm: Option<Algorithm>,
    ) -> Result<UploadStatus> {
        let id = UploadId::fresh();
        self.store_upload_start(repository, &id).await?;
        let algorithm = algorithm.filter(|algorithm| *algorithm != Algorithm::CANONICAL);
        if algorithm.is_some() {
            let state = UploadState::new(algorithm);
            self.save_upload_state(repository, &id, &state, WriteOptions::default()).await?;
        }
        if self.storage.capabilities().remote {
            self.uploads.remember(&id, Remembered::fresh(Hashes::fastest(algorithm), algorithm.is_some()));
        }
        Ok(UploadStatus { id, offset: 0 })
    }

    async fn store_upload_start(&self, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default();
        let options = WriteOptions { volatile: true, ..WriteOptions::default() };
        let started_at = layout::upload_started_at(repository, id.as_str());
        Ok(self.storage.put(&started_at, Bytes::from(now.to_string()), options).await?)
    }

    /// Where an upload stands.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`] when it has ended or never was in this repository.
    pub async fn upload_status(&self, repository: &RepositoryName, id: &UploadId) -> Result<UploadStatus> {
        let state = self.load_upload_state(repository, id, false).await?;
        Ok(UploadStatus { id: id.clone(), offset: state.offset })
    }

    /// Adds bytes to an upload. `at` is the offset that the client believes it stands at, if it said so. What has arrived
    /// before a client goes away is kept.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::UploadBusy`], [`Error::OffsetMismatch`], [`Error::Body`].
    pub async fn append_upload(
        self: &Arc<Self>,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: BlobBody,
    ) -> Result<UploadStatus> {
        let (registry, repository, id) = (self.clone(), repository.clone(), id.clone());
        // The task outlives the request: a client that goes away must not take with it what it has already sent.
        let appended = tokio::spawn(async move {
            let body = match Session::append_first(&registry, &repository, &id, at, body).await? {
                First::Done(status) => return Ok(status),
                First::NotDone(body) => body,
            };
            let begun_here = registry.uploads.recall(&id).is_some_and(|remembered| remembered.is_fresh());
            let mut session = Session::open_begun(registry, &repository, &id, begun_here).await?;
            session.expect_offset(at)?;
            session.append(body).await.map(|()| session.status())
        });
        joined(appended.await)
    }

    /// Adds the last bytes, if any, checks the digest, and makes the blob visible in the repository.
    ///
    /// # Errors
    /// As [`Registry::append_upload`], and [`Error::DigestMismatch`], which ends the upload: its bytes are wrong.
    pub async fn finish_upload(
        self: &Arc<Self>,
        repository: &RepositoryName,
        id: &UploadId,
        at: Option<u64>,
        body: BlobBody,
        digest: &Digest,
    ) -> Result<Blob> {
        let (mut session, body) = Session::open_to_close(self.clone(), repository, id, at, body, digest).await?;
        let digest = digest.clone();
        joined(tokio::spawn(async move { session.finish(body, &digest).await }).await)
    }

    /// Takes a whole blob in one request, without an upload that anybody could go on with.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::Body`].
    pub async fn push_blob(
        self: &Arc<Self>,
        repository: &RepositoryName,
        body: BlobBody,
        digest: &Digest,
    ) -> Result<Blob> {
        let mut session = Session::nameless(self.clone(), repository, digest.algorithm())?;
        let digest = digest.clone();
        let pushed = tokio::spawn(async move {
            let pushed = session.finish(body, &digest).await;
            if pushed.is_err() {
                // Nobody was told the id, so nobody can go on with it.
                session.discard().await;
            }
            pushed
        });
        joined(pushed.await)
    }

    /// Ends an upload and throws away what it has.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], and [`Error::UploadBusy`] while another request writes to it.
    pub async fn cancel_upload(self: &Arc<Self>, repository: &RepositoryName, id: &UploadId) -> Result<()> {
        let session = Session::open(self.clone(), repository, id).await?;
        let _ended = self.uploads.end(id);
        let cancelled = self.storage.delete_prefix(&layout::upload(repository, id.as_str())).await;
        drop(session);
        Ok(cancelled?)
    }

    /// Removes what is left of an upload that has ended, in the background: deleting a file that is just being written out
    /// waits for that, and the client need not. A failure costs only space until the next purge.
    ///
    /// `known` are its keys, if they are all that is to be removed.
    async fn discard_upload(
        self: Arc<Self>,
        repository: &RepositoryName,
        id: &UploadId,
        known: Option<Vec<StorageKey>>,
    ) {
        let ended = self.uploads.end(id);
        let place = self.uploads.removal();
        let (in_background, prefix) = (place.is_some(), layout::upload(repository, id.as_str()));
        let removal = async move {
            let removed = match &known {
                Some(keys) => self.storage.delete(keys).await,
                None => self.storage.delete_prefix(&prefix).await,
            };
            if let Err(error) = removed {
                tracing::warn!(%error, "an upload's remains could not be removed: the upload purge will");
            }
            drop((ended, place));
        };
        if in_background {
            tokio::spawn(removal);
        } else {
            removal.await;
        }
    }

    async fn load_upload_state(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        begun_here: bool,
    ) -> Result<UploadState> {
        if self.uploads.has_ended(id) {
            return Err(Error::UploadUnknown);
        }
        let key = layout::upload_state(repository, id.as_str());
        let state = match self.storage.get(&key, state::STATE_BYTES_MAX).await.optional()? {
            Some(content) => UploadState::decode(&content),
            None if begun_here => Some(UploadState::new(None)),
            None => {
                let started_at = layout::upload_started_at(repository, id.as_str());
                self.storage.stat(&started_at).await.optional()?.map(|_| UploadState::new(None))
            }
        };
        state.ok_or(Error::UploadUnknown)
    }

    async fn save_upload_state(
        &self,
        repository: &RepositoryName,
        id: &UploadId,
        state: &UploadState,
        options: WriteOptions,
    ) -> Result<()> {
        let key = layout::upload_state(repository, id.as_str());
        let options = WriteOptions { volatile: true, ..options };
        Ok(self.storage.put(&key, state.encode(), options).await?)
    }
}

/// The outcome of a task. One that panicked has failed like any other request; its panic is in the log already.
fn joined<T>(outcome: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    outcome.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
