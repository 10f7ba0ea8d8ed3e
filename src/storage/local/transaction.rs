//! Changes that are staged together: written, and not yet visible.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::disk::Disk;
use super::entry::parent;
use super::temp::{TempFile, check_writable};
use super::tree::append_file;
use super::unsynced::Noted;
use crate::storage::file::{write_all_at, writing};
use crate::storage::{Change, ErrorKind, Result, StorageError, StorageKey};

/// What is larger than this is synchronised by its own writer, so that others in the same round need not wait for it.
pub(super) const SHARED_SYNC_BYTES_MAX: u64 = 1024 * 1024;

/// Changes that are written but not visible.
pub(super) struct Transaction {
    /// The key that stands for all of them in an error.
    pub(super) key: StorageKey,
    /// What has to be durable before the first step.
    pub(super) files: Vec<Arc<OwnedFd>>,
    steps: Vec<Step>,
}

/// What a transaction has made visible.
pub(super) struct Placed {
    /// The directories that have got a name.
    named: Vec<String>,
    /// Those above them that are new.
    pub(super) noted: Vec<Noted>,
}

impl Placed {
    /// The directories that have to be durable: those that have got a name, and those that hold the names of new ones.
    pub(super) fn directories(&self) -> impl Iterator<Item = String> {
        self.noted.iter().map(Noted::holder).chain(self.named.iter().cloned())
    }
}

enum Step {
    /// Give a temporary file its name.
    Place { temp: TempFile, key: StorageKey, if_absent: bool },
    /// Rename an object. Its lock is held until that is done, so that nobody appends to what becomes visible.
    Move { _locked: OwnedFd, elsewhere: bool, from: StorageKey, key: StorageKey },
    /// Delete objects.
    Remove { keys: Vec<StorageKey> },
}

impl Transaction {
    pub(super) fn new(key: StorageKey) -> Self {
        Self { key, files: Vec::new(), steps: Vec::new() }
    }

    /// Adds a written file.
    pub(super) fn place(&mut self, temp: TempFile, synced: bool, key: StorageKey, if_absent: bool) {
        if !synced {
            self.files.push(Arc::clone(&temp.file));
        }
        self.steps.push(Step::Place { temp, key, if_absent });
    }

    /// Takes the steps in order. Returns what has to be durable with them.
    pub(super) fn apply(self, disk: &Disk) -> Result<Placed> {
        let mut placed = Vec::with_capacity(self.steps.len());
        for step in self.steps {
            match step {
                Step::Place { temp, key, if_absent } => {
                    disk.place(temp, key.as_str(), if_absent).map_err(|errno| writing(errno, "write", &key))?;
                    placed.push(key);
                }
                Step::Move { elsewhere, from, key, .. } => {
                    disk.move_object(&from, &key)?;
                    if elsewhere {
                        disk.sync_above(key.as_str()).map_err(|errno| writing(errno, "assemble", &key))?;
                    }
                    placed.push(key);
                }
                Step::Remove { keys } => keys.iter().try_for_each(|key| disk.remove(key))?,
            }
        }
        let noted = placed.iter().flat_map(|key| disk.unsynced.above(key.as_str())).collect();
        let named = placed.iter().map(|key| parent(key.as_str()).to_owned()).collect();
        Ok(Placed { named, noted })
    }

    /// Stages a change.
    pub(super) fn add(&mut self, disk: &Disk, change: Change) -> Result<()> {
        match change {
            Change::Put { key, content } => {
                let temp = stage(disk, &key, std::slice::from_ref(&content))?;
                self.place(temp, false, key, false);
            }
            Change::Assemble { parts, key } => match <[StorageKey; 1]>::try_from(parts) {
                Ok([part]) => self.add_move(disk, part, key)?,
                Err(parts) => self.add_concatenation(disk, &parts, key)?,
            },
            Change::Delete { keys } => self.steps.push(Step::Remove { keys }),
        }
        Ok(())
    }

    fn add_move(&mut self, disk: &Disk, from: StorageKey, key: StorageKey) -> Result<()> {
        check_writable("assemble", &key)?;
        let (file, meta) = disk.open_object("assemble", &from)?;
        lock(&file, &from)?;
        // Where a symbolic link leads to another file system, the rounds of this one do not reach.
        let elsewhere = !disk.is_here(&file).map_err(|errno| writing(errno, "assemble", &from))?;
        if elsewhere || meta.size > SHARED_SYNC_BYTES_MAX {
            rustix::fs::fdatasync(&file).map_err(|errno| writing(errno, "assemble", &from))?;
        } else {
            self.files
                .push(Arc::new(file.try_clone().map_err(|error| StorageError::from_io(error, "assemble", &from))?));
        }
        self.steps.push(Step::Move { _locked: file, elsewhere, from, key });
        Ok(())
    }

    fn add_concatenation(&mut self, disk: &Disk, parts: &[StorageKey], key: StorageKey) -> Result<()> {
        check_writable("assemble", &key)?;
        let temp = disk.temps.create().map_err(|errno| writing(errno, "assemble", &key))?;
        let mut size = 0;
        for part in parts {
            let (file, _) = disk.open_object("assemble", part)?;
            lock(&file, part)?;
            size += append_file(&file, &temp.file).map_err(|errno| writing(errno, "assemble", &key))?;
        }
        let synced = size > SHARED_SYNC_BYTES_MAX;
        if synced {
            rustix::fs::fdatasync(&temp.file).map_err(|errno| writing(errno, "assemble", &key))?;
        }
        self.place(temp, synced, key, false);
        Ok(())
    }
}

/// A part that somebody still appends to can't be used.
fn lock(file: &OwnedFd, part: &StorageKey) -> Result<()> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::AGAIN) => {
            Err(StorageError::new(ErrorKind::Conflict, "assemble", part).with_source("somebody is appending to it"))
        }
        // Where there are no locks, nobody appends either: see `append`.
        _ => Ok(()),
    }
}

/// Writes a small object apart.
pub(super) fn stage(disk: &Disk, key: &StorageKey, pieces: &[Bytes]) -> Result<TempFile> {
    check_writable("put", key)?;
    let fail = |errno| writing(errno, "put", key);
    let temp = disk.temps.create().map_err(fail)?;
    write_all_at(&temp.file, pieces, 0).map_err(fail)?;
    Ok(temp)
}
