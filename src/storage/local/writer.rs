//! Writing an object of any size: into a temporary file, which gets its name at the end.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::io::Errno;

use super::commit::{SHARED_SYNC_BYTES_MAX, Transaction, transact};
use super::disk::Disk;
use super::errors::{blocking, check_writable, writing};
use super::sync::Syncer;
use super::temp::TempFile;
use super::writeout::WriteOut;
use crate::storage::{Result, StorageKey, WriteOptions, Writer};

/// The most pieces in one system call: what Linux allows.
const PIECES_MAX: usize = 1024;

/// Writes all of `pieces` at `offset`.
pub(super) fn write_all_at(file: &OwnedFd, pieces: &[Bytes], mut offset: u64) -> rustix::io::Result<()> {
    for group in pieces.chunks(PIECES_MAX) {
        let mut slices: Vec<IoSlice<'_>> =
            group.iter().filter(|piece| !piece.is_empty()).map(|piece| IoSlice::new(piece)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match rustix::io::pwritev(file, rest, offset) {
                // POSIX allows it; there is no better name for it.
                Ok(0) => return Err(Errno::IO),
                Ok(count) => {
                    offset += count as u64;
                    IoSlice::advance_slices(&mut rest, count);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// Opens a new object for writing.
pub(super) async fn open(
    disk: &Arc<Disk>,
    syncer: &Arc<Syncer>,
    key: &StorageKey,
    options: WriteOptions,
) -> Result<Box<dyn Writer>> {
    check_writable("write", key)?;
    let (disk, target) = (Arc::clone(disk), key.clone());
    let (temp, disk) = blocking("write", key, move || {
        let temp = disk.temps.create().map_err(|errno| writing(errno, "write", &target))?;
        Ok((temp, disk))
    })
    .await?;
    let out = WriteOut::new(&temp.file);
    let (syncer, key) = (Arc::clone(syncer), key.clone());
    Ok(Box::new(LocalWriter { disk, syncer, key, options, temp: Some(temp), out, at: 0 }))
}

struct LocalWriter {
    disk: Arc<Disk>,
    syncer: Arc<Syncer>,
    key: StorageKey,
    options: WriteOptions,
    /// `None` once it has been handed over.
    temp: Option<TempFile>,
    out: WriteOut,
    at: u64,
}

#[async_trait]
impl Writer for LocalWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.at = self.out.write(pieces, self.at, &self.key).await?;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        let size = self.at;
        let synced =
            if self.options.volatile { true } else { self.out.settle(SHARED_SYNC_BYTES_MAX, &self.key).await? };
        let Some(temp) = self.temp.take() else { return Ok(size) };
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
        Ok(size)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let temp = self.temp.take();
        blocking("abort", &self.key.clone(), move || {
            drop(temp);
            Ok(())
        })
        .await
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        // Removing a large file takes a while: not on the asynchronous thread, as long as there is another one.
        if let (Some(temp), Ok(runtime)) = (self.temp.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(temp));
        }
    }
}
