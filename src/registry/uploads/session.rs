//! One request's hold on an upload: load its state, add bytes, save its state.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::hashes::{Hashes, Restored};
use super::remembered::Remembered;
use super::running::Listed;
use super::state::UploadState;
use super::{UploadId, UploadStatus};
use crate::oci::{Algorithm, Digest, RepositoryName};
use crate::registry::{Error, Registry, Result};
use crate::storage::{ByteRange, StorageKey, WriteOptions, layout};

/// An upload that one request has for itself.
pub(super) struct Session {
    pub(super) registry: Arc<Registry>,
    pub(super) repository: RepositoryName,
    pub(super) id: UploadId,
    pub(super) offset: u64,
    pub(super) hashes: Hashes,
    pub(super) parts: Vec<String>,
    /// All bytes so far, where they are kept in the state. Then there are no parts.
    pub(super) inline: Bytes,
    /// The staged bytes are not in `hashes` yet: another process hashed them, in a way that has no state to store.
    unread: bool,
    /// Whether its beginning is stored, so that others can go on with it.
    announced: bool,
    /// Whether a state is stored.
    stored: bool,
    _taken: Listed,
}

impl Session {
    /// Takes an upload and loads its state.
    pub(super) async fn open(registry: Arc<Registry>, repository: &RepositoryName, id: &UploadId) -> Result<Self> {
        Self::open_begun(registry, repository, id, false).await
    }

    /// The same; where there is no state, whoever knows that it was begun here need not ask whether it was.
    pub(super) async fn open_begun(
        registry: Arc<Registry>,
        repository: &RepositoryName,
        id: &UploadId,
        begun_here: bool,
    ) -> Result<Self> {
        let taken = registry.uploads.take(id);
        let state = registry.load_upload_state(repository, id, begun_here).await?;
        let taken = taken.ok_or(Error::UploadBusy { offset: state.offset })?;
        let remembered = registry.uploads.recall(id).filter(|remembered| remembered.agrees_with(&state));
        let restored = Hashes::restore(&state.hashes).ok_or(Error::UploadUnknown)?;
        let (hashes, unread) = match (remembered, restored) {
            (Some(remembered), _) => (remembered.hashes, false),
            (None, Restored::Hashes(hashes)) if state.offset == 0 => (Hashes::fastest(hashes.second()), false),
            (None, Restored::Hashes(hashes)) => (hashes, false),
            (None, Restored::Anew(hashes)) => (hashes, state.offset > 0),
        };
        // Whether a state was stored is only asked when something may have been.
        let stored = state.offset > 0 || hashes.second().is_some();
        let upload = Remembered { offset: state.offset, hashes, parts: state.parts, inline: state.inline, stored };
        Ok(Self { unread, ..Self::of(registry, repository, id, upload, taken) })
    }

    /// Takes an upload as this process remembers it; `None` if it doesn't, or while another request has it.
    pub(super) fn recall(registry: &Arc<Registry>, repository: &RepositoryName, id: &UploadId) -> Option<Self> {
        let taken = registry.uploads.take(id)?;
        let upload = registry.uploads.recall(id).filter(|_| !registry.uploads.has_ended(id))?;
        Some(Self::of(registry.clone(), repository, id, upload, taken))
    }

    /// An upload of one request, whose id nobody is told. Nothing of it is stored before it has to be.
    pub(super) fn nameless(registry: Arc<Registry>, repository: &RepositoryName, algorithm: Algorithm) -> Result<Self> {
        let id = UploadId::fresh();
        let taken = registry.uploads.take(&id).ok_or(Error::UploadBusy { offset: 0 })?;
        let upload = Remembered::fresh(Hashes::fastest(Some(algorithm)), false);
        Ok(Self { announced: false, ..Self::of(registry, repository, &id, upload, taken) })
    }

    fn of(
        registry: Arc<Registry>,
        repository: &RepositoryName,
        id: &UploadId,
        upload: Remembered,
        taken: Listed,
    ) -> Self {
        let Remembered { offset, hashes, parts, inline, stored } = upload;
        let (repository, id) = (repository.clone(), id.clone());
        let (unread, announced) = (false, true);
        Self { registry, repository, id, offset, hashes, parts, inline, unread, announced, stored, _taken: taken }
    }

    /// Stores the beginning, if it is not yet, so that the upload is found by whoever looks for old ones.
    pub(super) async fn announce(&mut self) -> Result<()> {
        if !self.announced {
            self.registry.store_upload_start(&self.repository, &self.id).await?;
            self.announced = true;
        }
        Ok(())
    }

    /// Hashes what has been staged, if nobody has whose hash can be had. From then on the state is stored, so that several
    /// processes that share an upload do this once.
    pub(super) async fn read_staged(&mut self) -> Result<()> {
        if self.unread && !self.inline.is_empty() {
            self.hashes = self.hashes.clone().update(vec![self.inline.clone()]).await;
            self.unread = false;
        }
        if self.unread { self.hash(&self.staged()).await } else { Ok(()) }
    }

    /// The same before the upload is closed under `digest`. A crash may have come after the bytes were given their last place
    /// and before the repository was given the link: then they are read there.
    pub(super) async fn read_staged_or_placed(&mut self, digest: &Digest) -> Result<()> {
        match self.read_staged().await {
            Err(Error::Storage(error)) if error.is_not_found() && digest.is_canonical() => {
                self.hash(&[layout::blob_data(digest)]).await
            }
            outcome => outcome,
        }
    }

    async fn hash(&mut self, keys: &[StorageKey]) -> Result<()> {
        let mut left = self.offset;
        for key in keys {
            // An appended file may be longer than its state says, if a crash came between.
            let range = ByteRange { start: 0, len: Some(left) };
            let mut body = self.registry.storage.read(key, range).await?.body;
            while let Some(piece) = body.try_next().await? {
                left = left.saturating_sub(piece.len() as u64);
                self.hashes = self.hashes.clone().update(vec![piece]).await;
            }
        }
        self.unread = left > 0;
        if self.unread { Err(Error::UploadUnknown) } else { Ok(()) }
    }

    pub(super) fn status(&self) -> UploadStatus {
        UploadStatus { id: self.id.clone(), offset: self.offset }
    }

    /// Refuses bytes that would not continue where the upload stands.
    pub(super) fn expect_offset(&self, at: Option<u64>) -> Result<()> {
        match at {
            Some(at) if at != self.offset => Err(Error::OffsetMismatch { offset: self.offset }),
            _ => Ok(()),
        }
    }

    /// The keys that hold the upload's bytes, in order.
    pub(super) fn staged(&self) -> Vec<StorageKey> {
        let id = self.id.as_str();
        if !self.parts.is_empty() {
            self.parts.iter().map(|part| layout::upload_part(&self.repository, id, part)).collect()
        } else if self.offset > 0 && self.inline.is_empty() {
            vec![layout::upload_data(&self.repository, id)]
        } else {
            Vec::new()
        }
    }

    /// Whether all bytes so far are in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.parts.is_empty() && self.offset == self.inline.len() as u64
    }

    pub(super) fn is_fresh(&self) -> bool {
        self.offset == 0 && !self.stored
    }

    /// Whether its bytes go into one file. An upload goes on in the way it was begun, though the storage may be another by now: a
    /// plugin in its place can be exchanged.
    pub(super) fn appends(&self) -> bool {
        let in_one = self.parts.is_empty() && self.inline.is_empty();
        in_one && (self.offset > 0 || self.registry.storage.capabilities().append)
    }

    pub(super) async fn save(&mut self) -> Result<()> {
        self.save_as(String::new(), WriteOptions::default()).await
    }

    /// Stores a state that must be the first one. `name` is random.
    pub(super) async fn save_first(&mut self, name: String) -> Result<()> {
        self.save_as(name, WriteOptions { if_absent: true, ..WriteOptions::default() }).await
    }

    /// Stores the state, and remembers it where that saves anything.
    async fn save_as(&mut self, first_by: String, options: WriteOptions) -> Result<()> {
        let hashes = self.hashes.save();
        let complete = hashes.is_complete();
        let (parts, inline) = (self.parts.clone(), self.inline.clone());
        let state = UploadState { offset: self.offset, hashes, parts, inline, first_by };
        self.registry.save_upload_state(&self.repository, &self.id, &state, options).await?;
        self.stored = true;
        if !complete || self.registry.storage.capabilities().remote {
            let UploadState { offset, parts, inline, .. } = state;
            let upload = Remembered { offset, hashes: self.hashes.clone(), parts, inline, stored: true };
            self.registry.uploads.remember(&self.id, upload);
        }
        Ok(())
    }

    /// Removes what is stored of it. On a remote backend only what is known of: a listing costs as much as the rest of a small
    /// push, and what races or crashes have left goes with the purge.
    pub(super) async fn discard(&self) {
        let id = self.id.as_str();
        let known = self.registry.storage.capabilities().remote.then(|| {
            let mut keys = self.staged();
            keys.extend(self.stored.then(|| layout::upload_state(&self.repository, id)));
            keys.extend(self.announced.then(|| layout::upload_started_at(&self.repository, id)));
            keys
        });
        if self.announced || self.stored {
            self.registry.clone().discard_upload(&self.repository, &self.id, known).await;
        }
    }
}
