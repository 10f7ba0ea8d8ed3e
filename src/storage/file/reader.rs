//! Reading an open file in pieces: from the page cache on the asynchronous thread, from the disk on a blocking one, which then
//! is one piece ahead.

use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::task::JoinHandle;

use super::FileSlice;
use super::buffers::{BUFFER_BYTES, BufferPool};
use super::cached::{PageCache, read_at};
use super::errors::reading;
use crate::storage::{ErrorKind, ObjectMeta, ReadStream, Result, StorageError};

/// Up to here a buffer of the right size costs less than one from the pool, and holds less memory.
const OWN_BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Up to here one read costs less than what sending a file takes besides.
const COPIED_BYTES_MAX: u64 = 64 * 1024;

/// What the readers of one backend share.
#[derive(Clone)]
pub(crate) struct Files {
    buffers: Arc<BufferPool>,
    cache: Arc<PageCache>,
}

impl Files {
    /// With a stock of `buffers_max` buffers of 256 KiB for the next reader.
    pub(crate) fn new(buffers_max: usize) -> Self {
        Self { buffers: Arc::new(BufferPool::new(buffers_max)), cache: Arc::new(PageCache::new()) }
    }

    /// What the kernel tells of the files.
    pub(in crate::storage) fn cache(&self) -> &Arc<PageCache> {
        &self.cache
    }

    /// The bytes of `slice`, which is of an object with this `meta`.
    pub(crate) fn open(&self, meta: ObjectMeta, slice: FileSlice) -> ReadStream {
        let range = slice.range();
        let mut reader = Reader { files: self.clone(), slice, at: range.start, end: range.end, ahead: None };
        // What is small and in memory needs no open file while it is sent.
        if reader.left() <= COPIED_BYTES_MAX
            && let Some(piece) = reader.small_now()
        {
            return ReadStream { meta, body: stream::iter(piece).boxed(), file: None };
        }
        let worthwhile = reader.left() > COPIED_BYTES_MAX && self.cache.tells();
        let file = worthwhile.then(|| reader.slice.clone());
        let body = stream::unfold(reader, |mut reader| async move {
            let piece = reader.next().await?;
            Some((piece, reader))
        });
        ReadStream { meta, body: body.boxed(), file }
    }
}

struct Reader {
    files: Files,
    slice: FileSlice,
    at: u64,
    end: u64,
    /// The next piece, being read by a blocking thread.
    ahead: Option<JoinHandle<Result<Bytes>>>,
}

impl Reader {
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// The whole rest, if it is in memory: no piece for no bytes, otherwise one.
    fn small_now(&mut self) -> Option<Option<Result<Bytes>>> {
        let left = usize::try_from(self.left()).ok()?;
        if left == 0 {
            return Some(None);
        }
        if left > OWN_BUFFER_BYTES_MAX {
            let mut buffer = self.files.buffers.take();
            let count = self.files.cache.read_now(self.slice.as_fd(), &mut buffer.space()[..left], self.at)?;
            return (count == Ok(left)).then(|| Some(Ok(buffer.freeze(left))));
        }
        let mut buffer = vec![0; left];
        let count = self.files.cache.read_now(self.slice.as_fd(), &mut buffer, self.at)?;
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
        let mut buffer = self.files.buffers.take();
        Some(match self.files.cache.read_now(self.slice.as_fd(), &mut buffer.space()[..want], self.at)? {
            Ok(0) => Err(self.slice.shorter(self.at)),
            Ok(count) => Ok(buffer.freeze(count)),
            Err(errno) => Err(reading(errno, "read", &self.slice.key)),
        })
    }

    fn piece_later(&self, at: u64) -> JoinHandle<Result<Bytes>> {
        let want = self.end.saturating_sub(at).min(BUFFER_BYTES as u64) as usize;
        let (buffers, slice) = (Arc::clone(&self.files.buffers), self.slice.clone());
        tokio::task::spawn_blocking(move || {
            let mut buffer = buffers.take();
            match read_at(slice.as_fd(), &mut buffer.space()[..want], at) {
                Ok(0) => Err(slice.shorter(at)),
                Ok(count) => Ok(buffer.freeze(count)),
                Err(errno) => Err(reading(errno, "read", &slice.key)),
            }
        })
    }

    async fn join(&self, task: JoinHandle<Result<Bytes>>) -> Result<Bytes> {
        let joined = task.map(|joined| match joined {
            Ok(piece) => piece,
            Err(error) => Err(StorageError::new(ErrorKind::Other, "read", &self.slice.key).with_source(error)),
        });
        joined.await
    }
}
