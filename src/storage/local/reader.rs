//! Reading an object in pieces: from the page cache on the asynchronous thread, from the disk on a blocking one, which then is
//! one piece ahead.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::task::JoinHandle;

use super::buffers::{BUFFER_BYTES, BufferPool};
use super::disk::{Disk, read_at, shorter};
use super::errors::{blocking, reading};
use crate::storage::{ByteRange, ErrorKind, FileSlice, ReadStream, Result, StorageError, StorageKey};

/// Up to here a buffer of the right size costs less than one from the pool, and holds less memory.
const OWN_BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Up to here one read costs less than what sending a file takes besides.
const COPIED_BYTES_MAX: u64 = 64 * 1024;

/// Opens an object for reading.
pub(super) async fn open(
    disk: &Arc<Disk>,
    pool: &Arc<BufferPool>,
    key: &StorageKey,
    range: ByteRange,
) -> Result<ReadStream> {
    let opened = match disk.open_cached("read", key) {
        Some(opened) => opened,
        None => {
            let (disk, key) = (Arc::clone(disk), key.clone());
            blocking("read", &key.clone(), move || disk.open_object("read", &key)).await
        }
    };
    let (file, meta) = opened?;
    let range =
        range.within(meta.size).ok_or_else(|| StorageError::new(ErrorKind::RangeNotSatisfiable, "read", key))?;
    let mut reader = Reader {
        disk: Arc::clone(disk),
        pool: Arc::clone(pool),
        file: Arc::new(file),
        key: key.clone(),
        at: range.start,
        end: range.end,
        ahead: None,
    };
    // What is small and in memory needs no open file while it is sent.
    if reader.left() <= COPIED_BYTES_MAX
        && let Some(piece) = reader.small_now()
    {
        return Ok(ReadStream { meta, body: stream::iter(piece).boxed(), file: None });
    }
    let file = reader.as_file();
    let body = stream::unfold(reader, |mut reader| async move {
        let piece = reader.next().await?;
        Some((piece, reader))
    });
    Ok(ReadStream { meta, body: body.boxed(), file })
}

struct Reader {
    disk: Arc<Disk>,
    pool: Arc<BufferPool>,
    file: Arc<OwnedFd>,
    key: StorageKey,
    at: u64,
    end: u64,
    /// The next piece, being read by a blocking thread.
    ahead: Option<JoinHandle<Result<Bytes>>>,
}

impl Reader {
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// The rest as a file, if it is large, and where the kernel tells what of it is in memory.
    fn as_file(&self) -> Option<FileSlice> {
        let worthwhile = self.left() > COPIED_BYTES_MAX && self.disk.reads_cached();
        worthwhile.then(|| FileSlice::new(Arc::clone(&self.file), self.key.clone(), self.at..self.end))
    }

    /// The whole rest, if it is in memory: no piece for no bytes, otherwise one.
    fn small_now(&mut self) -> Option<Option<Result<Bytes>>> {
        let left = usize::try_from(self.left()).ok()?;
        if left == 0 {
            return Some(None);
        }
        if left > OWN_BUFFER_BYTES_MAX {
            let mut buffer = self.pool.take();
            let count = self.disk.read_now(self.file.as_fd(), &mut buffer.space()[..left], self.at)?;
            return (count == Ok(left)).then(|| Some(Ok(buffer.freeze(left))));
        }
        let mut buffer = vec![0; left];
        let count = self.disk.read_now(self.file.as_fd(), &mut buffer, self.at)?;
        (count == Ok(left)).then(|| Some(Ok(buffer.into())))
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        if self.left() == 0 {
            return None;
        }
        let piece = match self.ahead.take() {
            Some(task) => self.join(task).await,
            None => match self.piece_now() {
                Some(piece) => return Some(self.advance(piece)),
                None => {
                    let task = self.piece_later(self.at);
                    self.join(task).await
                }
            },
        };
        let piece = self.advance(piece);
        // The disk was needed for this one, so most likely it will be for the next.
        if piece.is_ok() && self.left() > 0 {
            self.ahead = Some(self.piece_later(self.at));
        }
        Some(piece)
    }

    /// After an error there is nothing more.
    fn advance(&mut self, piece: Result<Bytes>) -> Result<Bytes> {
        match &piece {
            Ok(bytes) => self.at += bytes.len() as u64,
            Err(_) => self.end = self.at,
        }
        piece
    }

    fn piece_now(&self) -> Option<Result<Bytes>> {
        let want = self.left().min(BUFFER_BYTES as u64) as usize;
        let mut buffer = self.pool.take();
        Some(match self.disk.read_now(self.file.as_fd(), &mut buffer.space()[..want], self.at)? {
            Ok(0) => Err(shorter("read", &self.key, self.end, self.at)),
            Ok(count) => Ok(buffer.freeze(count)),
            Err(errno) => Err(reading(errno, "read", &self.key)),
        })
    }

    fn piece_later(&self, at: u64) -> JoinHandle<Result<Bytes>> {
        let want = self.end.saturating_sub(at).min(BUFFER_BYTES as u64) as usize;
        let (file, pool, key, end) = (Arc::clone(&self.file), Arc::clone(&self.pool), self.key.clone(), self.end);
        tokio::task::spawn_blocking(move || {
            let mut buffer = pool.take();
            match read_at(file.as_fd(), &mut buffer.space()[..want], at) {
                Ok(0) => Err(shorter("read", &key, end, at)),
                Ok(count) => Ok(buffer.freeze(count)),
                Err(errno) => Err(reading(errno, "read", &key)),
            }
        })
    }

    async fn join(&self, task: JoinHandle<Result<Bytes>>) -> Result<Bytes> {
        let joined = task.map(|joined| match joined {
            Ok(piece) => piece,
            Err(error) => Err(StorageError::new(ErrorKind::Other, "read", &self.key).with_source(error)),
        });
        joined.await
    }
}
