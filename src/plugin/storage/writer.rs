//! Writing an object through a component's `writer`.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::errors::Call;
use super::session::{Place, call};
use super::transfer::{Transfer, step};
use super::{PluginStorage, convert};
use crate::storage::{Result, StorageKey, WriteOptions, Writer};

/// The contract's bound of one chunk, in bytes.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Pieces smaller than this are gathered before they cross.
const CHUNK_BYTES_MIN: usize = 256 * 1024;

impl PluginStorage {
    /// Opens an object for writing.
    pub(super) async fn open_writer(&self, call: Call, place: Place, options: WriteOptions) -> Result<PluginWriter> {
        let (name, asked) = (convert::name(&call.key), convert::options(options));
        let mut session = self.session(&call, Some(place)).await?;
        let writer = call!(session, &call, |store, exports| {
            exports.backend.wharf_storage_backend().call_write(store, &name, asked)
        });
        let writer = writer.map_err(|failure| failure.into_error(&call))?;
        let transfer = Transfer::new(call, session, writer);
        Ok(PluginWriter { transfer, size: options.append_at.unwrap_or(0), gathered: BytesMut::new() })
    }
}

impl PluginStorage {
    /// Begins to write an object and ends the instance in the middle of it, as a trap or a deadline would; for the kit.
    ///
    /// # Errors
    /// When it can't even be begun.
    pub(in crate::plugin) async fn lose_writer(&self, key: &StorageKey, content: &[u8]) -> Result<()> {
        let call = self.call("write", key);
        let place = self.places(1, &call).await?;
        let mut writer = self.open_writer(call, place, WriteOptions::default()).await?;
        writer.add(content).await?;
        writer.flush().await?;
        writer.transfer.lose();
        Ok(())
    }
}

/// An object being written by a component.
pub(super) struct PluginWriter {
    transfer: Transfer,
    /// So many bytes the object has with everything that was given so far.
    size: u64,
    /// Small pieces that wait for more.
    gathered: BytesMut,
}

impl PluginWriter {
    /// Adds a piece; what is large enough crosses as it is.
    pub(super) async fn add(&mut self, piece: &[u8]) -> Result<()> {
        self.size = self.size.saturating_add(piece.len() as u64);
        let mut rest = piece;
        if !self.gathered.is_empty() {
            let (fits, behind) = rest.split_at(rest.len().min(CHUNK_BYTES_MAX - self.gathered.len()));
            self.gathered.extend_from_slice(fits);
            rest = behind;
            if self.gathered.len() >= CHUNK_BYTES_MIN {
                self.flush().await?;
            }
        }
        while rest.len() >= CHUNK_BYTES_MIN {
            let (chunk, behind) = rest.split_at(rest.len().min(CHUNK_BYTES_MAX));
            self.send(chunk).await?;
            rest = behind;
        }
        self.gathered.extend_from_slice(rest);
        Ok(())
    }

    /// Sends what was gathered.
    async fn flush(&mut self) -> Result<()> {
        let mut chunk = std::mem::take(&mut self.gathered);
        if !chunk.is_empty() {
            self.send(&chunk).await?;
            chunk.clear();
        }
        self.gathered = chunk;
        Ok(())
    }

    async fn send(&mut self, chunk: &[u8]) -> Result<()> {
        step!(self.transfer, |store, exports, writer| async {
            exports.backend.wharf_storage_backend().writer().call_write(store, writer, chunk).await
        })
    }

    /// Makes the object visible, and checks that it is as long as it should be.
    pub(super) async fn close(mut self) -> Result<u64> {
        self.flush().await?;
        let size = step!(self.transfer, |store, exports, writer| async {
            exports.backend.wharf_storage_backend().writer().call_finish(store, writer).await
        })?;
        self.transfer.end().await;
        if size != self.size {
            let what = format!("finish tells an object of {size} bytes, where {} were written", self.size);
            return Err(self.transfer.call.broken(what));
        }
        Ok(size)
    }

    /// Throws the object away.
    pub(super) async fn throw_away(mut self) {
        self.transfer.end().await;
    }
}

#[async_trait]
impl Writer for PluginWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        for piece in pieces {
            self.add(&piece).await?;
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64> {
        self.close().await
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        self.throw_away().await;
        Ok(())
    }
}
