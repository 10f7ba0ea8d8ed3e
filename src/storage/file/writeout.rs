//! Writing a file in pieces, and sending it to the disk as it grows, so that what is left to do at its end is bounded: nobody
//! who shares a round of synchronisation with it waits for gigabytes.

use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;
use tokio::task::JoinHandle;

use super::errors::{blocking, writing};
use crate::storage::{ErrorKind, Result, StorageError, StorageKey};

/// After so many bytes the disk is asked to begin. Twice as many are unwritten at most.
const WINDOW_BYTES: u64 = 32 * 1024 * 1024;

/// The most pieces in one system call: what Linux allows.
pub(in crate::storage) const PIECES_MAX: usize = 1024;

/// Writes all of `pieces` at `offset`.
pub(in crate::storage) fn write_all_at(file: &OwnedFd, pieces: &[Bytes], mut offset: u64) -> rustix::io::Result<()> {
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

/// A file that is being written, from its beginning to its end.
pub(crate) struct WriteOut {
    file: Arc<OwnedFd>,
    /// Written since the last sync began.
    dirty: u64,
    /// A sync under way.
    syncing: Option<JoinHandle<rustix::io::Result<()>>>,
}

impl WriteOut {
    pub(crate) fn new(file: &Arc<OwnedFd>) -> Self {
        Self { file: Arc::clone(file), dirty: 0, syncing: None }
    }

    /// Writes `pieces` at `at`; returns where they end.
    pub(crate) async fn write(&mut self, pieces: Vec<Bytes>, at: u64, key: &StorageKey) -> Result<u64> {
        let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if len == 0 {
            return Ok(at);
        }
        let (file, target) = (Arc::clone(&self.file), key.clone());
        blocking("write", key, move || {
            write_all_at(&file, &pieces, at).map_err(|errno| writing(errno, "write", &target))
        })
        .await?;
        self.dirty += len;
        if self.dirty >= WINDOW_BYTES {
            self.wait(key).await?;
            self.dirty = 0;
            let file = Arc::clone(&self.file);
            self.syncing = Some(tokio::task::spawn_blocking(move || rustix::fs::fdatasync(&file)));
        }
        Ok(at + len)
    }

    /// Waits for what is under way, and synchronises the rest if there are more than `bytes_max` of it. Returns whether all
    /// is durable.
    pub(crate) async fn settle(&mut self, bytes_max: u64, key: &StorageKey) -> Result<bool> {
        self.wait(key).await?;
        if self.dirty > bytes_max {
            let (file, target) = (Arc::clone(&self.file), key.clone());
            blocking("write", key, move || {
                rustix::fs::fdatasync(&file).map_err(|errno| writing(errno, "write", &target))
            })
            .await?;
            self.dirty = 0;
            return Ok(true);
        }
        Ok(false)
    }

    /// Waits for a synchronisation under way, if there is one.
    pub(crate) async fn wait(&mut self, key: &StorageKey) -> Result<()> {
        match self.syncing.take() {
            None => Ok(()),
            Some(task) => match task.await {
                Ok(synced) => synced.map_err(|errno| writing(errno, "write", key)),
                Err(error) => Err(StorageError::new(ErrorKind::Other, "write", key).with_source(error)),
            },
        }
    }
}
