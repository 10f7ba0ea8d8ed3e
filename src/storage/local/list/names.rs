//! The sorted names of one directory, and how to tell that it has changed.

use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};

use super::meta_of;
use crate::storage::local::temp::{OWN_DIRECTORY, is_temporary};

/// What changes when a name is added or removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    modified: Option<SystemTime>,
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(dir: &OwnedFd) -> rustix::io::Result<Self> {
        rustix::fs::fstat(dir).map(|stat| Self::from_stat(&stat))
    }

    pub(super) fn from_stat(stat: &rustix::fs::Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            modified: meta_of(stat).modified,
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether a change after `now` is certain to give another stamp.
    pub(super) fn settled(&self, now: SystemTime, after: Duration) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let since_epoch = Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
        let last = self.modified.max(SystemTime::UNIX_EPOCH.checked_add(since_epoch));
        last.and_then(|last| now.duration_since(last).ok()).is_some_and(|age| age > after)
    }
}

/// Sorted names, in one piece of text: a directory may have hundreds of thousands.
#[derive(Default)]
pub(super) struct Names {
    text: String,
    /// Where each name ends in `text`, and whether it is a directory.
    ends: Vec<(u32, bool)>,
}

impl Names {
    pub(super) fn read(dir: &OwnedFd) -> rustix::io::Result<Self> {
        let mut found = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && let Some(is_directory) = is_directory(dir, &entry)
                && shown(name, is_directory)
            {
                found.push((name.to_owned(), is_directory));
            }
        }
        found.sort_unstable();
        let mut names = Self::default();
        for (name, is_directory) in found {
            names.text.push_str(&name);
            // 4 GiB of names in one directory are beyond every file system.
            names.ends.push((u32::try_from(names.text.len()).unwrap_or(u32::MAX), is_directory));
        }
        Ok(names)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn name(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1].0 as usize };
        &self.text[start..self.ends[at].0 as usize]
    }

    pub(super) fn is_directory(&self, at: usize) -> bool {
        self.ends[at].1
    }

    /// The first name behind `after`.
    pub(super) fn first_after(&self, after: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle) <= after { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// `None` for what is neither a file nor a directory. Symbolic links are followed: operators put large parts of a registry on
/// other disks with them.
fn is_directory(dir: &OwnedFd, entry: &DirEntry) -> Option<bool> {
    let kind = match entry.file_type() {
        FileType::Unknown | FileType::Symlink => {
            let stat = rustix::fs::statat(dir, entry.file_name(), AtFlags::empty()).ok()?;
            FileType::from_raw_mode(stat.st_mode)
        }
        kind => kind,
    };
    match kind {
        FileType::Directory => Some(true),
        FileType::RegularFile => Some(false),
        _ => None,
    }
}

fn shown(name: &str, is_directory: bool) -> bool {
    if is_directory { !matches!(name, "." | ".." | OWN_DIRECTORY) } else { !is_temporary(name) }
}
