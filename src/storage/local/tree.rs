//! Removing files and directories, and moving bytes between files.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::disk::Disk;
use super::entry::parent;
use super::temp::{FILE_MODE, check_writable};
use crate::storage::file::{read_at, reading, write_all_at};
use crate::storage::{Result, StorageKey};

/// How many bytes are copied per call where the kernel can't do it alone.
const COPY_BYTES: usize = 256 * 1024;

impl Disk {
    /// Removes an object and what directories it leaves empty. One that is not there is fine.
    pub(super) fn remove(&self, key: &StorageKey) -> Result<()> {
        check_writable("delete", key)?;
        match rustix::fs::unlinkat(self.dir(), key.as_str(), AtFlags::empty()) {
            Ok(()) => {
                self.prune(parent(key.as_str()));
                Ok(())
            }
            // EPERM is what POSIX has for EISDIR; whether it was that or a refusal, only a look tells.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG) => Ok(()),
            Err(Errno::PERM) if self.stat(key).is_err_and(|error| error.is_not_found()) => Ok(()),
            Err(errno) => Err(reading(errno, "delete", key)),
        }
    }

    /// Removes every object beneath `prefix/`.
    pub(super) fn remove_tree(&self, prefix: &StorageKey) -> Result<()> {
        check_writable("delete prefix", prefix)?;
        let fail = |errno| reading(errno, "delete prefix", prefix);
        match self.open_directory(prefix.as_str()) {
            Ok(dir) => Self::empty(&dir).map_err(fail)?,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(()),
            Err(errno) => return Err(fail(errno)),
        }
        self.prune(prefix.as_str());
        Ok(())
    }

    fn empty(dir: &OwnedFd) -> rustix::io::Result<()> {
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            // A symbolic link is removed itself, never what it points at.
            if kind(dir, &entry) == Some(FileType::Directory) {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = match rustix::fs::openat(dir, name, flags, Mode::empty()) {
                    Err(Errno::NOENT) => continue,
                    opened => opened?,
                };
                Self::empty(&inner)?;
                // Not empty: somebody writes there just now, and what is newer than this call may stay.
                match rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR) {
                    Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => {}
                    Err(errno) => return Err(errno),
                }
            } else {
                match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
        Ok(())
    }

    /// Removes `path` and the directories above it as far as they are empty; never the root.
    pub(super) fn prune(&self, mut path: &str) {
        while !path.is_empty() && rustix::fs::unlinkat(self.dir(), path, AtFlags::REMOVEDIR).is_ok() {
            self.unsynced.remove(path);
            path = parent(path);
        }
    }

    /// Makes a new file.
    pub(super) fn create_at(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::openat(self.dir(), path, flags, FILE_MODE)
    }

    /// Makes every directory above `path` durable.
    pub(super) fn sync_above(&self, mut path: &str) -> rustix::io::Result<()> {
        while !path.is_empty() {
            path = parent(path);
            self.sync_directory(path)?;
        }
        Ok(())
    }

    /// Whether a file lies on the same file system as the root.
    pub(super) fn is_here(&self, file: &OwnedFd) -> rustix::io::Result<bool> {
        Ok(rustix::fs::fstat(file)?.st_dev == self.device)
    }

    /// Makes the names in a directory durable. One that is gone has none.
    pub(super) fn sync_directory(&self, path: &str) -> rustix::io::Result<()> {
        match self.open_directory(if path.is_empty() { "." } else { path }) {
            Ok(dir) => rustix::fs::fsync(dir),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// What an entry is, where the directory itself does not tell. A symbolic link counts as itself.
fn kind(dir: &OwnedFd, entry: &rustix::fs::DirEntry) -> Option<FileType> {
    match entry.file_type() {
        FileType::Unknown => {
            let stat = rustix::fs::statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some(FileType::from_raw_mode(stat.st_mode))
        }
        known => Some(known),
    }
}

/// Appends the whole of `from` at the end of `to`: inside the kernel where it can. Returns how many bytes.
pub(super) fn append_file(from: &OwnedFd, to: &OwnedFd) -> rustix::io::Result<u64> {
    let mut read_offset = 0;
    let mut write_offset = rustix::fs::fstat(to)?.st_size.try_into().unwrap_or(0);
    loop {
        let (into, out) = (Some(&mut read_offset), Some(&mut write_offset));
        match rustix::fs::copy_file_range(from, into, to, out, 1 << 30) {
            Ok(0) => return Ok(read_offset),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => break,
            Err(errno) => return Err(errno),
        }
    }
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = read_at(from.as_fd(), &mut buffer, read_offset)?;
        if count == 0 {
            return Ok(read_offset);
        }
        write_all_at(to, &[bytes::Bytes::copy_from_slice(&buffer[..count])], write_offset)?;
        read_offset += count as u64;
        write_offset += count as u64;
    }
}
