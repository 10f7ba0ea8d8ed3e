//! Writing an object through a component's `writer`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use wharf_bindings::storage::wharf::storage::types as wit;

use super::errors::Call;
use super::session::{Place, call, has};
use super::transfer::{Transfer, step};
use super::{PluginStorage, convert};
use crate::storage::file::WriteOut;
use crate::storage::{ByteRange, ErrorKind, Result, StorageError, StorageKey, WriteOptions, Writer};

/// The contract's bound of one chunk, in bytes.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;
/// Pieces smaller than this are gathered before they cross.
const CHUNK_BYTES_MIN: usize = 256 * 1024;

impl PluginStorage {
    /// Opens an object for writing.
    pub(super) async fn open_writer(&self, call: Call, place: Place, options: WriteOptions) -> Result<PluginWriter> {
        let (name, asked) = (convert::name(&call.key), convert::options(options));
        let mut session = self.session(&call, Some(Place::clone(&place))).await?;
        let before = session.resources();
        let writer = call!(session, &call, |store, exports| async {
            match options.append_at.is_some() && !exports.can(wit::CapabilityFlags::APPEND) {
                true => Ok(Ok(None)),
                false => exports.backend.wharf_storage_backend().call_write(store, &name, asked).await.map(has),
            }
        });
        match (writer.map_err(|failure| failure.into_error(&call))?, options.append_at) {
            (Some(writer), at) => {
                let transfer = Transfer::new(call, session, writer, before);
                Ok(PluginWriter { transfer, size: at.unwrap_or(0), gathered: BytesMut::new(), way: Way::Open })
            }
            (None, at) => {
                drop(session);
                self.write_anew(call, place, at.unwrap_or(0), options).await
            }
        }
    }

    /// Appends by writing the object once more, what is there already first: for what was begun on a version that can append and
    /// is continued on one that can't.
    async fn write_anew(&self, call: Call, place: Place, at: u64, options: WriteOptions) -> Result<PluginWriter> {
        let there = match self.open_reader(call.clone(), Place::clone(&place), ByteRange::ALL).await {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            there => Some(there?),
        };
        let size = there.as_ref().map_or(0, |(meta, _)| meta.size);
        if size != at {
            return Err(call.error(ErrorKind::Conflict, format_args!("it has {size} bytes, not {at}")));
        }
        let options = WriteOptions { append_at: None, ..options };
        // Not without a bound: without `append_at` this is the last turn.
        let mut writer = Box::pin(self.open_writer(call, place, options)).await?;
        if let Some((_, mut body)) = there {
            while let Some(piece) = body.next().await? {
                writer.add(piece).await?;
            }
        }
        Ok(writer)
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
        writer.add(Bytes::copy_from_slice(content)).await?;
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
    way: Way,
}

/// How bytes go to where the component wants them.
enum Way {
    /// Nothing has gone yet.
    Open,
    /// By `writer.write`.
    Calls,
    /// By the stream that it has handed over.
    Stream,
    /// Into the file that the stream was, at a position.
    File(WriteOut, u64),
}

impl PluginWriter {
    /// Adds a piece; what is large enough goes as it is.
    pub(super) async fn add(&mut self, piece: Bytes) -> Result<()> {
        self.size = self.size.saturating_add(piece.len() as u64);
        if self.gathered.len() + piece.len() < CHUNK_BYTES_MIN {
            self.gathered.extend_from_slice(&piece);
            return Ok(());
        }
        let gathered = std::mem::take(&mut self.gathered).freeze();
        if matches!(self.way, Way::Open) {
            self.choose().await?;
        }
        match &mut self.way {
            Way::Open | Way::Calls => self.send_by_calls(gathered, &piece).await,
            Way::Stream => {
                self.transfer.give(gathered).await?;
                self.transfer.give(piece).await
            }
            Way::File(out, at) => {
                let call = &self.transfer.call;
                *at = out.write(vec![gathered, piece], *at, &call.key).await.map_err(|error| in_file(call, &error))?;
                Ok(())
            }
        }
    }

    /// Asks the component which way it wants its bytes.
    async fn choose(&mut self) -> Result<()> {
        self.way = match self.transfer.output().await? {
            (false, _) => Way::Calls,
            (true, None) => Way::Stream,
            (true, Some((file, at))) => {
                self.transfer.drop_stream().await;
                Way::File(WriteOut::new(&Arc::new(file)), at)
            }
        };
        Ok(())
    }

    /// In chunks of what may cross at once.
    async fn send_by_calls(&mut self, gathered: Bytes, piece: &[u8]) -> Result<()> {
        let mut rest = piece;
        if !gathered.is_empty() {
            let (fits, behind) = rest.split_at(rest.len().min(CHUNK_BYTES_MAX - gathered.len()));
            let mut chunk = BytesMut::from(gathered);
            chunk.extend_from_slice(fits);
            self.send(&chunk).await?;
            rest = behind;
        }
        while rest.len() >= CHUNK_BYTES_MIN {
            let (chunk, behind) = rest.split_at(rest.len().min(CHUNK_BYTES_MAX));
            self.send(chunk).await?;
            rest = behind;
        }
        self.gathered.extend_from_slice(rest);
        Ok(())
    }

    /// Sends what was gathered, and waits until everything has gone.
    async fn flush(&mut self) -> Result<()> {
        let rest = std::mem::take(&mut self.gathered).freeze();
        match &mut self.way {
            Way::Open | Way::Calls if rest.is_empty() => Ok(()),
            Way::Open | Way::Calls => self.send(&rest).await,
            Way::Stream => {
                self.transfer.give(rest).await?;
                self.transfer.flush().await
            }
            Way::File(out, at) => {
                let call = &self.transfer.call;
                let written = out.write(vec![rest], *at, &call.key).await;
                *at = written.map_err(|error| in_file(call, &error))?;
                out.wait(&call.key).await.map_err(|error| in_file(call, &error))
            }
        }
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
        self.transfer.break_off().await;
    }
}

/// A failure to write the file of a component, with the component's name.
fn in_file(call: &Call, error: &StorageError) -> StorageError {
    call.error(error.kind(), format_args!("the file that it handed over can't be written: {error}"))
}

#[async_trait]
impl Writer for PluginWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        for piece in pieces {
            self.add(piece).await?;
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
