//! Where a process writes what is not finished: `.wharf/tmp/<id>/`, a directory of its own that it holds a lock on as long as
//! it lives. A directory whose lock is free belongs to a process that has died, and is removed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::entry::meta_of;
use crate::storage::{ErrorKind, Result, StorageError, StorageKey};

/// Wharf's own directory at the root.
pub(super) const OWN_DIRECTORY: &str = ".wharf";
const TEMPS: &str = ".wharf/tmp";
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Keys that would reach Wharf's own directory at the root are nobody's.
pub(super) fn check_writable(operation: &'static str, key: &StorageKey) -> Result<()> {
    let name = key.as_str();
    if name == OWN_DIRECTORY || name.starts_with(".wharf/") {
        return Err(StorageError::new(ErrorKind::Unsupported, operation, key).with_source("'.wharf' is kept for Wharf"));
    }
    Ok(())
}

/// The rights of files and directories that we make, before the umask: what `distribution` gives them.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
pub(super) const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// Makes temporary files.
pub(super) struct Temps {
    root: OwnedFd,
    /// Made when the first file is: a root that is only read from may be read-only.
    own: Mutex<Option<Arc<TempDirectory>>>,
    count: AtomicU64,
}

/// The directory of one process, locked.
struct TempDirectory {
    dir: OwnedFd,
    root: OwnedFd,
    path: String,
}

impl Temps {
    /// Removes what is left of processes that have died. Failing to is no reason not to start.
    pub(super) fn open(root: &OwnedFd, stale_after: Duration) -> std::io::Result<Self> {
        match purge(root, stale_after) {
            Ok(0) | Err(Errno::NOENT) => {}
            Ok(count) => tracing::info!(count, "removed unfinished files of a process that has died"),
            Err(error) => tracing::warn!(%error, "can't look for unfinished files in {TEMPS}"),
        }
        Ok(Self { root: root.try_clone()?, own: Mutex::default(), count: AtomicU64::new(0) })
    }

    /// A new empty file.
    pub(super) fn create(&self) -> rustix::io::Result<TempFile> {
        let name = format!("{:x}", self.count.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut renewed = false;
        loop {
            let own = self.own()?;
            match rustix::fs::openat(&own.dir, &*name, flags, FILE_MODE) {
                Ok(file) => return Ok(TempFile { own, name, file: Arc::new(file), kept: false }),
                // Somebody has removed our directory.
                Err(Errno::NOENT) if !renewed => {
                    renewed = true;
                    self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
                }
                Err(errno) => return Err(errno),
            }
        }
    }

    fn own(&self) -> rustix::io::Result<Arc<TempDirectory>> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = &*own {
            return Ok(Arc::clone(own));
        }
        let made = Arc::new(TempDirectory::make(&self.root)?);
        *own = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl TempDirectory {
    fn make(root: &OwnedFd) -> rustix::io::Result<Self> {
        for path in [OWN_DIRECTORY, TEMPS] {
            match rustix::fs::mkdirat(root, path, DIRECTORY_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        // Nobody purges between our making the directory and our locking it.
        let all = rustix::fs::openat(root, TEMPS, DIRECTORY, Mode::empty())?;
        let _ = rustix::fs::flock(&all, FlockOperation::LockExclusive);
        let path = format!("{TEMPS}/{}", uuid::Uuid::new_v4().simple());
        rustix::fs::mkdirat(root, &*path, DIRECTORY_MODE)?;
        let dir = rustix::fs::openat(root, &*path, DIRECTORY, Mode::empty())?;
        if let Err(error) = rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive) {
            tracing::debug!(%error, "this file system has no locks; unfinished files are told by their age");
        }
        let root = rustix::io::fcntl_dupfd_cloexec(root, 0)?;
        Ok(Self { dir, root, path })
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        let _ = rustix::fs::unlinkat(&self.root, &*self.path, AtFlags::REMOVEDIR);
    }
}

/// A file that nobody sees yet. Dropped, it is removed.
pub(super) struct TempFile {
    own: Arc<TempDirectory>,
    name: String,
    pub(super) file: Arc<OwnedFd>,
    kept: bool,
}

impl TempFile {
    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.own.dir.as_fd()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// It has got its real name, and is not ours any more.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = rustix::fs::unlinkat(&self.own.dir, &*self.name, AtFlags::empty());
        }
    }
}

fn purge(root: &OwnedFd, stale_after: Duration) -> rustix::io::Result<usize> {
    let all = rustix::fs::openat(root, TEMPS, DIRECTORY, Mode::empty())?;
    let locks = rustix::fs::flock(&all, FlockOperation::LockExclusive).is_ok();
    let mut count = 0;
    for name in names(&all)? {
        let Ok(dir) = rustix::fs::openat(&all, &*name, DIRECTORY, Mode::empty()) else { continue };
        if locks && rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        for file in names(&dir)? {
            let Ok(stat) = rustix::fs::statat(&dir, &*file, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let age = meta_of(&stat).modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
            if locks || age.is_some_and(|age| age > stale_after) {
                count += usize::from(rustix::fs::unlinkat(&dir, &*file, AtFlags::empty()).is_ok());
            }
        }
        let _ = rustix::fs::unlinkat(&all, &*name, AtFlags::REMOVEDIR);
    }
    Ok(count)
}

fn names(dir: &OwnedFd) -> rustix::io::Result<Vec<std::ffi::CString>> {
    let entries = Dir::read_from(dir)?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_owned()));
    names.filter(|name| !matches!(name, Ok(name) if name.to_bytes() == b"." || name.to_bytes() == b"..")).collect()
}

/// Whether a file is one that `distribution` (3.1 and later) has not finished: `<name>.<uuid>.tmp`, beside what it will be.
pub(super) fn is_temporary(name: &str) -> bool {
    let id = name.strip_suffix(".tmp").and_then(|name| name.rsplit_once('.'));
    id.is_some_and(|(name, id)| !name.is_empty() && id.len() == 36 && uuid::Uuid::try_parse(id).is_ok())
}
