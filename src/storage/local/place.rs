//! Giving a file its name: rename, with the directories above it.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::disk::Disk;
use super::entry::parent;
use super::temp::{DIRECTORY_MODE, TempFile};
use super::tree::append_file;
use crate::storage::file::writing;
use crate::storage::{Result, StorageKey};

/// How often a directory may vanish under a writer before it gives up. Each time, another process has made progress.
const ATTEMPTS_MAX: usize = 1000;
/// How often a directory may be found in place, and the name in it not, before that is believed.
const IN_VAIN_MAX: usize = 10;

impl Disk {
    /// Gives a temporary file the name `path`.
    pub(super) fn place(&self, temp: TempFile, path: &str, if_absent: bool) -> rustix::io::Result<()> {
        match self.rename_in(temp.dir(), temp.name(), path, if_absent) {
            Ok(()) => {
                temp.keep();
                Ok(())
            }
            Err(Errno::XDEV) => self.copy_elsewhere(&temp.file, path, if_absent),
            Err(errno) => Err(errno),
        }
    }

    /// Renames `from` in `dir` to `path`, making the directories above `path`.
    pub(super) fn rename_in(
        &self,
        dir: BorrowedFd<'_>,
        from: &str,
        path: &str,
        if_absent: bool,
    ) -> rustix::io::Result<()> {
        self.with_parents(path, || {
            if !if_absent {
                return rustix::fs::renameat(dir, from, self.dir(), path);
            }
            match rustix::fs::renameat_with(dir, from, self.dir(), path, RenameFlags::NOREPLACE) {
                // Not every file system can; all can link.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    rustix::fs::linkat(dir, from, self.dir(), path, AtFlags::empty())?;
                    rustix::fs::unlinkat(dir, from, AtFlags::empty())
                }
                answer => answer,
            }
        })
    }

    /// Moves an object to another key; its old directory goes with it if it was the last there.
    pub(super) fn move_object(&self, from: &StorageKey, key: &StorageKey) -> Result<()> {
        let moved = match self.rename_in(self.dir(), from.as_str(), key.as_str(), false) {
            Err(Errno::XDEV) => self.move_elsewhere(from, key),
            answer => answer,
        };
        match moved {
            Ok(()) => {
                self.prune(parent(from.as_str()));
                Ok(())
            }
            Err(Errno::NOENT) => self.stat(from).and(Err(writing(Errno::NOENT, "assemble", key))),
            Err(errno) => Err(writing(errno, "assemble", key)),
        }
    }

    /// Does `act`, which fails with `NOENT` as long as the directory of `path` is not there.
    pub(super) fn with_parents<T>(
        &self,
        path: &str,
        mut act: impl FnMut() -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        let mut in_vain = 0;
        for _ in 0..ATTEMPTS_MAX {
            match act() {
                // The directory is there: then it is something else that is not.
                Err(Errno::NOENT) if in_vain == IN_VAIN_MAX => break,
                Err(Errno::NOENT) => in_vain = if self.make_directory(parent(path))? { 0 } else { in_vain + 1 },
                Err(Errno::INTR) => {}
                answer => return answer,
            }
        }
        Err(Errno::NOENT)
    }

    /// Makes a directory and those above it. It may be gone again when this returns. Returns whether there was anything to do.
    fn make_directory(&self, path: &str) -> rustix::io::Result<bool> {
        if path.is_empty() {
            return Ok(false);
        }
        let made = match rustix::fs::mkdirat(self.dir(), path, DIRECTORY_MODE) {
            Err(Errno::NOENT) => {
                self.make_directory(parent(path))?;
                rustix::fs::mkdirat(self.dir(), path, DIRECTORY_MODE)
            }
            answer => answer,
        };
        match made {
            Ok(()) => {
                self.unsynced.add(path);
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn move_elsewhere(&self, from: &StorageKey, key: &StorageKey) -> rustix::io::Result<()> {
        let file = rustix::fs::openat(self.dir(), from.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        self.copy_elsewhere(&file, key.as_str(), false)?;
        rustix::fs::unlinkat(self.dir(), from.as_str(), AtFlags::empty())
    }

    /// For a directory on another file system, reached by a symbolic link or a mount: the file is copied there first, under
    /// the name that `distribution` would give it, which no listing shows.
    fn copy_elsewhere(&self, file: &OwnedFd, path: &str, if_absent: bool) -> rustix::io::Result<()> {
        let beside = format!("{path}.{}.tmp", uuid::Uuid::new_v4());
        let copy = self.with_parents(&beside, || self.create_at(&beside))?;
        let renamed = append_file(file, &copy)
            .and_then(|_| rustix::fs::fsync(&copy))
            .and_then(|()| self.rename_in(self.dir(), &beside, path, if_absent))
            .and_then(|()| self.sync_above(path));
        if renamed.is_err() {
            let _ = rustix::fs::unlinkat(self.dir(), &*beside, AtFlags::empty());
        }
        renamed
    }
}
