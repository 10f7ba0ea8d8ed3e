//! The root directory and what reads from it.
//!
//! Two ways to each answer. The *cached* one runs on the asynchronous thread and never waits: `openat2` with `RESOLVE_CACHED`
//! and `preadv2` with `RWF_NOWAIT` give up where a disk would be asked. They then return `None`, and the caller asks again
//! on a thread that may block. Where the kernel, the file system or a container's seccomp profile knows these calls not, this
//! is noticed once, and only the second way is used.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::entry::meta_of;
use super::temp::Temps;
use super::unsynced::Unsynced;
use crate::storage::file::{PageCache, read_at, reading};
use crate::storage::{ErrorKind, ObjectMeta, Result, StorageError, StorageKey};

/// For reading. Non-blocking, so that a named pipe somebody has put there stalls nobody.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// For asking about it only.
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The root directory.
pub(super) struct Disk {
    root: PathBuf,
    dir: OwnedFd,
    pub(super) device: u64,
    pub(super) temps: Temps,
    pub(super) unsynced: Unsynced,
    /// Whether `openat2` with `RESOLVE_CACHED` works here.
    opens_cached: AtomicBool,
    cache: Arc<PageCache>,
}

impl Disk {
    pub(super) fn open(root: PathBuf, stale_after: Duration, cache: &Arc<PageCache>) -> std::io::Result<Self> {
        let named = |error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("can't open the storage directory {}: {error}", root.display()))
        };
        std::fs::create_dir_all(&root).map_err(named)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&root, flags, Mode::empty()).map_err(|errno| named(errno.into()))?;
        let probe = rustix::fs::openat2(&dir, ".", LOOK, Mode::empty(), ResolveFlags::CACHED);
        let opens_cached = !matches!(probe, Err(Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP));
        let device = rustix::fs::fstat(&dir).map_err(|errno| named(errno.into()))?.st_dev;
        let temps = Temps::open(&dir, stale_after).map_err(named)?;
        Ok(Self {
            root,
            dir,
            device,
            temps,
            unsynced: Unsynced::default(),
            opens_cached: opens_cached.into(),
            cache: Arc::clone(cache),
        })
    }

    /// As on a kernel without them.
    #[cfg(test)]
    pub(super) fn never_cached(&self) {
        self.opens_cached.store(false, Ordering::Relaxed);
        self.cache.never_tells();
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Opens without waiting. `None`: it can't be told without waiting.
    fn try_open(&self, path: &str, flags: OFlags) -> Option<rustix::io::Result<OwnedFd>> {
        if !self.opens_cached.load(Ordering::Relaxed) {
            return None;
        }
        match rustix::fs::openat2(&self.dir, path, flags, Mode::empty(), ResolveFlags::CACHED) {
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                self.opens_cached.store(false, Ordering::Relaxed);
                None
            }
            answer => Some(answer),
        }
    }

    fn open_at(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        rustix::io::retry_on_intr(|| rustix::fs::openat(&self.dir, path, flags, Mode::empty()))
    }

    /// Opens an object for reading, without waiting; `None` as in [`Disk::try_open`].
    pub(super) fn open_cached(
        &self,
        operation: &'static str,
        key: &StorageKey,
    ) -> Option<Result<(OwnedFd, ObjectMeta)>> {
        let opened = self.try_open(key.as_str(), READ)?;
        Some(opened.map_err(|errno| reading(errno, operation, key)).and_then(|file| with_meta(file, operation, key)))
    }

    /// Opens an object for reading.
    pub(super) fn open_object(&self, operation: &'static str, key: &StorageKey) -> Result<(OwnedFd, ObjectMeta)> {
        let file = self.open_at(key.as_str(), READ).map_err(|errno| reading(errno, operation, key))?;
        with_meta(file, operation, key)
    }

    /// Opens a directory for reading its names.
    pub(super) fn open_directory(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    /// Opens a directory for asking about it and what is in it.
    pub(super) fn look_at_directory(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        self.open_at(path, LOOK | OFlags::DIRECTORY)
    }

    /// Opens a directory for asking about it, without waiting; `None` as in [`Disk::try_open`].
    pub(super) fn look_at_directory_cached(&self, path: &str) -> Option<rustix::io::Result<OwnedFd>> {
        self.try_open(path, LOOK | OFlags::DIRECTORY)
    }

    pub(super) fn stat_cached(&self, key: &StorageKey) -> Option<Result<ObjectMeta>> {
        let opened = self.try_open(key.as_str(), LOOK)?;
        let meta = opened.and_then(rustix::fs::fstat).map_err(|errno| reading(errno, "stat", key));
        Some(meta.and_then(|stat| object_meta(&stat, "stat", key)))
    }

    pub(super) fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        let stat = rustix::fs::statat(&self.dir, key.as_str(), rustix::fs::AtFlags::empty());
        object_meta(&stat.map_err(|errno| reading(errno, "stat", key))?, "stat", key)
    }

    pub(super) fn get_cached(&self, key: &StorageKey, bytes_max: u64) -> Option<Result<Bytes>> {
        match self.open_cached("get", key)? {
            Ok((file, meta)) => self
                .read_whole(&file, key, meta.size, bytes_max, |file, buffer, at| self.cache.read_now(file, buffer, at)),
            Err(error) => Some(Err(error)),
        }
    }

    pub(super) fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        let (file, meta) = self.open_object("get", key)?;
        let read = |file: BorrowedFd<'_>, buffer: &mut [u8], at: u64| Some(read_at(file, buffer, at));
        let whole = self.read_whole(&file, key, meta.size, bytes_max, read);
        whole.unwrap_or_else(|| Err(StorageError::new(ErrorKind::Other, "get", key)))
    }

    fn read_whole(
        &self,
        file: &OwnedFd,
        key: &StorageKey,
        size: u64,
        bytes_max: u64,
        read: impl Fn(BorrowedFd<'_>, &mut [u8], u64) -> Option<rustix::io::Result<usize>>,
    ) -> Option<Result<Bytes>> {
        if size > bytes_max {
            return Some(Err(StorageError::new(ErrorKind::TooLarge, "get", key)));
        }
        let mut buffer = vec![0; usize::try_from(size).ok()?];
        let mut at = 0;
        while at < buffer.len() {
            match read(file.as_fd(), &mut buffer[at..], at as u64)? {
                Ok(0) => return Some(Err(shorter("get", key, size, at as u64))),
                Ok(count) => at += count,
                Err(errno) => return Some(Err(reading(errno, "get", key))),
            }
        }
        Some(Ok(buffer.into()))
    }
}

/// The error for an object that ends before it should.
pub(super) fn shorter(operation: &'static str, key: &StorageKey, announced: u64, found: u64) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, operation, key)
        .with_source(format!("it was {announced} bytes long when it was opened, but ends after {found}"))
}

fn with_meta(file: OwnedFd, operation: &'static str, key: &StorageKey) -> Result<(OwnedFd, ObjectMeta)> {
    let stat = rustix::fs::fstat(&file).map_err(|errno| reading(errno, operation, key))?;
    Ok((file, object_meta(&stat, operation, key)?))
}

/// What is known of a file. Anything but a regular file is no object.
pub(super) fn object_meta(stat: &rustix::fs::Stat, operation: &'static str, key: &StorageKey) -> Result<ObjectMeta> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(StorageError::new(ErrorKind::NotFound, operation, key));
    }
    Ok(meta_of(stat))
}
