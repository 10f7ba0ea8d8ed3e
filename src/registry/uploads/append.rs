//! Adding bytes to an upload.

use bytes::Bytes;

use super::BlobBody;
use super::ingest::{Head, Ingested, head, ingest, joined};
use super::session::Session;
use crate::registry::{Error, Result};
use crate::storage::{ErrorKind, StorageError, WriteOptions, Writer, layout};

/// After so many bytes the state is saved even while more are arriving, so that a crash costs at most these.
const CHECKPOINT_BYTES: u64 = 64 << 20;

/// An upload of up to this size is kept in its state on a remote backend.
pub(super) const INLINE_BYTES_MAX: usize = 256 << 10;

impl Session {
    /// Adds a body. What has arrived is kept even when the body breaks off.
    pub(super) async fn append(&mut self, body: BlobBody) -> Result<()> {
        if body.bytes_expected == Some(0) {
            return Ok(());
        }
        self.announce().await?;
        self.read_staged().await?;
        match self.append_inline(body).await? {
            Some(longer) => self.append_staged(longer).await,
            None => Ok(()),
        }
    }

    /// Adds a short body to the state, where everything so far is there, too; gives any other body back.
    async fn append_inline(&mut self, body: BlobBody) -> Result<Option<BlobBody>> {
        let room = INLINE_BYTES_MAX.saturating_sub(self.inline.len());
        let here = self.registry.storage.capabilities().remote && self.is_in_memory() && !self.appends();
        let Some(_place) = self.registry.uploads.small().filter(|_| here) else { return Ok(Some(body)) };
        match head(body, room).await? {
            Head::Longer(body) => Ok(Some(body)),
            Head::Whole(pieces) => {
                if !pieces.is_empty() {
                    self.add_inline(pieces).await;
                    self.save().await?;
                }
                Ok(None)
            }
        }
    }

    /// Adds pieces to the bytes that will be kept in the state.
    pub(super) async fn add_inline(&mut self, pieces: Vec<Bytes>) {
        self.offset += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.hashes = self.hashes.clone().update(pieces.clone()).await;
        let before = std::iter::once(std::mem::take(&mut self.inline)).filter(|bytes| !bytes.is_empty());
        self.inline = joined(before.chain(pieces).collect());
    }

    async fn append_staged(&mut self, mut body: BlobBody) -> Result<()> {
        let (began_at, parts_before) = (self.offset, self.parts.len());
        let mut writer = self.open_writer().await?;
        if !self.inline.is_empty() {
            writer.write(vec![self.inline.clone()]).await?;
        }
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
                self.inline = Bytes::new();
                self.save().await?;
                outcome
            }
        }
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
            let starts_at = self.offset - self.inline.len() as u64;
            let part = format!("{starts_at:020}-{}", uuid::Uuid::new_v4().simple());
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
}
