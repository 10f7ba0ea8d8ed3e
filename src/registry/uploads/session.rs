//! One request's hold on an upload: load its state, add bytes, save its state.

use std::sync::Arc;

use futures_util::TryStreamExt as _;

use super::hashes::{Hashes, Restored};
use super::ingest::{Ingested, ingest};
use super::running::Listed;
use super::state::UploadState;
use super::{BlobBody, UploadId, UploadStatus};
use crate::oci::{Digest, RepositoryName};
use crate::registry::{Error, Registry, Result};
use crate::storage::{ByteRange, ErrorKind, StorageError, StorageKey, WriteOptions, Writer, layout};

/// After so many bytes the state is saved even while more are arriving, so that a crash costs at most these.
const CHECKPOINT_BYTES: u64 = 64 << 20;

/// An upload that one request has for itself.
pub(super) struct Session {
    pub(super) registry: Arc<Registry>,
    pub(super) repository: RepositoryName,
    pub(super) id: UploadId,
    pub(super) offset: u64,
    pub(super) hashes: Hashes,
    parts: Vec<String>,
    /// The staged bytes are not in `hashes` yet: another process hashed them, in a way that has no state to store.
    unread: bool,
    _taken: Listed,
}

impl Session {
    /// Takes an upload and loads its state.
    pub(super) async fn open(registry: Arc<Registry>, repository: &RepositoryName, id: &UploadId) -> Result<Self> {
        let taken = registry.uploads.take(id);
        let state = registry.load_upload_state(repository, id).await?;
        let taken = taken.ok_or(Error::UploadBusy { offset: state.offset })?;
        let remembered = registry.uploads.recall(id, state.offset);
        let restored = Hashes::restore(&state.hashes).ok_or(Error::UploadUnknown)?;
        let (hashes, unread) = match (remembered, restored) {
            (Some(hashes), _) => (hashes, false),
            (None, Restored::Hashes(hashes)) if state.offset == 0 => (Hashes::fastest(hashes.second()), false),
            (None, Restored::Hashes(hashes)) => (hashes, false),
            (None, Restored::Anew(hashes)) => (hashes, state.offset > 0),
        };
        Ok(Self {
            registry,
            repository: repository.clone(),
            id: id.clone(),
            offset: state.offset,
            hashes,
            parts: state.parts,
            unread,
            _taken: taken,
        })
    }

    /// Hashes what has been staged, if nobody has whose hash can be had. From then on the state is stored, so that several
    /// processes that share an upload do this once.
    async fn read_staged(&mut self) -> Result<()> {
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

    /// Adds a body. What has arrived is kept even when the body breaks off.
    pub(super) async fn append(&mut self, mut body: BlobBody) -> Result<()> {
        if body.bytes_expected == Some(0) {
            return Ok(());
        }
        self.read_staged().await?;
        let (began_at, parts_before) = (self.offset, self.parts.len());
        let mut writer = self.open_writer().await?;
        let outcome = loop {
            let piece_bytes = self.registry.uploads.piece_bytes();
            // Only an appended file is readable before it is finished, so only there a checkpoint means anything.
            let bytes_max = if self.appends() { CHECKPOINT_BYTES } else { u64::MAX };
            let (ingested, outcome) =
                ingest(&mut body, writer.as_mut(), self.hashes.clone(), piece_bytes, bytes_max).await;
            let Ingested { hashes, bytes, ended } = ingested;
            (self.hashes, self.offset) = (hashes, self.offset + bytes);
            if ended || outcome.is_err() {
                break outcome;
            }
            self.save().await?;
        };
        match outcome {
            // The writer broke: what it has is unknown, so the upload stays where its last state says.
            Err(Error::Storage(error)) => Err(error.into()),
            outcome if self.offset == began_at => {
                self.parts.truncate(parts_before);
                writer.abort().await?;
                outcome
            }
            outcome => {
                writer.finish().await?;
                self.save().await?;
                outcome
            }
        }
    }

    /// The keys that hold the upload's bytes, in order.
    pub(super) fn staged(&self) -> Vec<StorageKey> {
        let id = self.id.as_str();
        if !self.parts.is_empty() {
            self.parts.iter().map(|part| layout::upload_part(&self.repository, id, part)).collect()
        } else if self.offset > 0 {
            vec![layout::upload_data(&self.repository, id)]
        } else {
            Vec::new()
        }
    }

    /// Whether its bytes go into one file. An upload goes on in the way it was begun, though the storage may be another by now: a
    /// plugin in its place can be exchanged.
    fn appends(&self) -> bool {
        self.parts.is_empty() && (self.offset > 0 || self.registry.storage.capabilities().append)
    }

    /// Opens the place where the next bytes go: the tail of the one file, or a part of its own whose name no other writer has,
    /// so that two replicas that race on one upload can never mix their bytes.
    async fn open_writer(&mut self) -> Result<Box<dyn Writer>> {
        let storage = &self.registry.storage;
        let id = self.id.as_str();
        let opened = if self.appends() {
            let options = WriteOptions { append_at: Some(self.offset), volatile: true, ..WriteOptions::default() };
            storage.write(&layout::upload_data(&self.repository, id), options).await
        } else {
            let part = format!("{:020}-{}", self.offset, uuid::Uuid::new_v4().simple());
            let key = layout::upload_part(&self.repository, id, &part);
            self.parts.push(part);
            storage.write(&key, WriteOptions { volatile: true, ..WriteOptions::default() }).await
        };
        opened.map_err(|error| self.writer_error(error))
    }

    fn writer_error(&self, error: StorageError) -> Error {
        match error.kind() {
            ErrorKind::Conflict => Error::UploadBusy { offset: self.offset },
            _ => error.into(),
        }
    }

    async fn save(&self) -> Result<()> {
        let state = UploadState { offset: self.offset, hashes: self.hashes.save(), parts: self.parts.clone() };
        self.registry.save_upload_state(&self.repository, &self.id, &state).await?;
        if !state.hashes.is_complete() {
            self.registry.uploads.remember(&self.id, self.offset, &self.hashes);
        }
        Ok(())
    }
}
