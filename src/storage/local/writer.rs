//! Writing an object of any size: into a temporary file, which gets its name at the end.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::commit::{self, transact};
use super::disk::Disk;
use super::sync::Syncer;
use super::temp::{TempFile, check_writable};
use super::transaction::{SHARED_SYNC_BYTES_MAX, Transaction};
use crate::storage::file::{PIECES_MAX, WriteOut, blocking, writing};
use crate::storage::{Result, StorageKey, WriteOptions, Writer};

/// An object of at most so many bytes is written in one go when it is finished.
const HELD_BYTES_MAX: u64 = 256 * 1024;

/// Opens a new object for writing.
pub(super) fn open(
    disk: &Arc<Disk>,
    syncer: &Arc<Syncer>,
    key: &StorageKey,
    options: WriteOptions,
) -> Result<Box<dyn Writer>> {
    check_writable("write", key)?;
    let (disk, syncer, key) = (Arc::clone(disk), Arc::clone(syncer), key.clone());
    Ok(Box::new(LocalWriter { disk, syncer, key, options, held: Held::default(), file: None, at: 0 }))
}

/// The beginning of an object, kept back until it is clear that it will be a large one.
#[derive(Default)]
struct Held {
    pieces: Vec<Bytes>,
    len: u64,
}

struct LocalWriter {
    disk: Arc<Disk>,
    syncer: Arc<Syncer>,
    key: StorageKey,
    options: WriteOptions,
    held: Held,
    /// Once there is more than is kept back.
    file: Option<(TempFile, WriteOut)>,
    at: u64,
}

impl LocalWriter {
    async fn flush(&mut self) -> Result<()> {
        let pieces = std::mem::take(&mut self.held.pieces);
        self.held.len = 0;
        if self.file.is_none() {
            let (disk, key) = (Arc::clone(&self.disk), self.key.clone());
            let create = move || disk.temps.create().map_err(|errno| writing(errno, "write", &key));
            let temp = blocking("write", &self.key, create).await?;
            let out = WriteOut::new(&temp.file);
            self.file = Some((temp, out));
        }
        if let Some((_, out)) = &mut self.file {
            self.at = out.write(pieces, self.at, &self.key).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Writer for LocalWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.held.len += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.held.pieces.extend(pieces);
        if self.file.is_none() && self.held.len <= HELD_BYTES_MAX && self.held.pieces.len() <= PIECES_MAX {
            return Ok(());
        }
        self.flush().await
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        let Some((temp, mut out)) = self.file.take() else {
            let (pieces, size) = (std::mem::take(&mut self.held.pieces), self.held.len);
            commit::put(&self.disk, &self.syncer, &self.key, pieces, self.options).await?;
            return Ok(size);
        };
        let synced = self.options.volatile || out.settle(SHARED_SYNC_BYTES_MAX, &self.key).await?;
        let (disk, key, options) = (Arc::clone(&self.disk), self.key.clone(), self.options);
        transact(&self.syncer, &self.key, move || {
            if options.volatile {
                disk.place(temp, key.as_str(), options.if_absent).map_err(|errno| writing(errno, "write", &key))?;
                return Ok(None);
            }
            let mut transaction = Transaction::new(key.clone());
            transaction.place(temp, synced, key, options.if_absent);
            Ok(Some(transaction))
        })
        .await?;
        Ok(self.at)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let file = self.file.take();
        blocking("abort", &self.key.clone(), move || {
            drop(file);
            Ok(())
        })
        .await
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        // Removing a large file takes a while: not on the asynchronous thread, as long as there is another one.
        if let (Some(file), Ok(runtime)) = (self.file.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(file));
        }
    }
}
