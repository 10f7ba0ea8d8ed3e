//! Appending to a growing object, by one writer at a time, in all processes.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{AtFlags, FlockOperation, OFlags};
use rustix::io::Errno;

use super::disk::Disk;
use super::temp::{FILE_MODE, check_writable};
use crate::storage::file::{WriteOut, blocking, writing};
use crate::storage::{ErrorKind, Result, StorageError, StorageKey, Writer};

/// Opens the tail of an object, which is made if it is not there. Its lock is held until the writer is gone.
pub(super) async fn open(disk: &Arc<Disk>, key: &StorageKey, offset: u64) -> Result<Box<dyn Writer>> {
    check_writable("append", key)?;
    let (disk, target) = (Arc::clone(disk), key.clone());
    let file = blocking("append", key, move || open_locked(&disk, &target, offset)).await?;
    let file = Arc::new(file);
    Ok(Box::new(AppendWriter {
        out: WriteOut::new(&file),
        file: Some(file),
        key: key.clone(),
        start: offset,
        at: offset,
    }))
}

fn open_locked(disk: &Disk, key: &StorageKey, offset: u64) -> Result<OwnedFd> {
    let fail = |errno| writing(errno, "append", key);
    let conflict = |why: String| StorageError::new(ErrorKind::Conflict, "append", key).with_source(why);
    // Only what starts anew may make the file: an attempt at a later offset must leave nothing.
    let create = if offset == 0 { OFlags::CREATE } else { OFlags::empty() };
    let flags = OFlags::RDWR | OFlags::CLOEXEC | create;
    let open = || rustix::fs::openat(disk.dir(), key.as_str(), flags, FILE_MODE);
    let opened = if offset == 0 { disk.with_parents(key.as_str(), open) } else { open() };
    let file = match opened {
        Err(Errno::NOENT | Errno::NOTDIR) if offset > 0 => {
            return Err(conflict(format!("it has 0 bytes, not {offset}")));
        }
        opened => opened.map_err(fail)?,
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN) => return Err(conflict("somebody else is appending to it".to_owned())),
        Err(errno) => {
            return Err(StorageError::new(ErrorKind::Unsupported, "append", key)
                .with_source(format!("this file system has no locks: {}", std::io::Error::from(errno))));
        }
    }
    // Between opening and locking it may have been moved to its place, or deleted.
    let stat = rustix::fs::fstat(&file).map_err(fail)?;
    let named = rustix::fs::statat(disk.dir(), key.as_str(), AtFlags::empty()).map(|named| named.st_ino);
    if named != Ok(stat.st_ino) {
        return Err(conflict("it has just been moved or deleted".to_owned()));
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size < offset {
        return Err(conflict(format!("it has {size} bytes, not {offset}")));
    }
    if size > offset {
        rustix::fs::ftruncate(&file, offset).map_err(fail)?;
    }
    Ok(file)
}

struct AppendWriter {
    /// Locked. `None` once it has been dealt with.
    file: Option<Arc<OwnedFd>>,
    key: StorageKey,
    out: WriteOut,
    start: u64,
    at: u64,
}

#[async_trait]
impl Writer for AppendWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.at = self.out.write(pieces, self.at, &self.key).await?;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        let Some(file) = self.file.take() else { return Ok(self.at) };
        // The lock goes with the last user of the file, and a synchronisation under way is one: without waiting, the request
        // that commits the object right after this one would find it still being appended to.
        // And a disk that failed to take the bytes tells it once: whoever asks later would not hear of it.
        self.out.wait(&self.key).await?;
        match rustix::fs::fstat(&file) {
            Ok(stat) if stat.st_nlink == 0 => Err(StorageError::new(ErrorKind::Conflict, "append", &self.key)
                .with_source("it was deleted while it was written")),
            Ok(_) => Ok(self.at),
            Err(errno) => Err(writing(errno, "append", &self.key)),
        }
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        // For the lock, as in `finish`; whether what is thrown away reached the disk does not matter.
        let _ = self.out.wait(&self.key).await;
        let (key, start) = (self.key.clone(), self.start);
        blocking("abort", &self.key, move || {
            rustix::fs::ftruncate(&file, start).map_err(|errno| writing(errno, "abort", &key))
        })
        .await
    }
}

impl Drop for AppendWriter {
    fn drop(&mut self) {
        if let (Some(file), Ok(runtime)) = (self.file.take(), tokio::runtime::Handle::try_current()) {
            let start = self.start;
            runtime.spawn_blocking(move || rustix::fs::ftruncate(&file, start));
        }
    }
}
