//! Objects as open files: as a slice, for whoever can send one without its bytes passing through this process, and read and
//! written in pieces, for every backend whose objects are files.

mod buffers;
mod cached;
mod errors;
mod reader;
mod writeout;

use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags};

use super::{ErrorKind, Result, StorageError, StorageKey};
pub(in crate::storage) use cached::{PageCache, read_at};
pub(in crate::storage) use errors::{blocking, reading, writing};
pub(crate) use reader::Files;
pub(crate) use writeout::WriteOut;
pub(in crate::storage) use writeout::{PIECES_MAX, write_all_at};

/// How far apart the bytes lie that are looked at to tell whether a range is in memory. The kernel reads ahead, and lets go,
/// in units of not much less; a hole that is missed costs the sending thread one short wait for the disk, as it would cost
/// any server that sends files.
const LOOK_EVERY_BYTES: u64 = 256 * 1024;

/// How many bytes are read at a time to bring them into memory.
const LOAD_BYTES: usize = 256 * 1024;

/// The bytes of a range as they lie in an open file. The file is never changed in place, only replaced, so they stay what
/// they are however long it is open.
#[derive(Debug, Clone)]
pub struct FileSlice {
    file: Arc<OwnedFd>,
    key: StorageKey,
    range: Range<u64>,
}

impl FileSlice {
    /// The bytes of `range` in `file`, which is the object under `key`. All of them must be there.
    pub(crate) fn new(file: Arc<OwnedFd>, key: StorageKey, range: Range<u64>) -> Self {
        Self { file, key, range }
    }

    /// Where in the file the bytes lie.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Whether sending the bytes of `range` would wait for no disk, as far as a look at some of them tells. Never waits.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the file has become shorter than that.
    pub fn in_memory(&self, range: Range<u64>) -> Result<bool> {
        let last = range.end.saturating_sub(1);
        let mut at = range.start;
        loop {
            let mut byte = [0];
            match rustix::io::preadv2(&self.file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT) {
                Ok(0) => return Err(self.shorter(at)),
                Ok(_) => {}
                Err(_) => return Ok(false),
            }
            if at >= last {
                return Ok(true);
            }
            at = (at + LOOK_EVERY_BYTES).min(last);
        }
    }

    /// Brings the bytes of `range` into memory. Waits for the disk, so only where blocking is allowed.
    ///
    /// # Errors
    /// What reading fails with; [`ErrorKind::Corrupt`] when the file has become shorter than that.
    pub fn load(&self, range: Range<u64>) -> Result<()> {
        let mut buffer = vec![0; LOAD_BYTES];
        let mut at = range.start;
        while at < range.end {
            let want = usize::try_from(range.end - at).map_or(LOAD_BYTES, |left| left.min(LOAD_BYTES));
            match rustix::io::pread(&self.file, &mut buffer[..want], at) {
                Ok(0) => return Err(self.shorter(at)),
                Ok(count) => at += count as u64,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(StorageError::from_io(errno.into(), "read", &self.key)),
            }
        }
        Ok(())
    }

    /// The error for a file that ends before its slice does.
    pub fn shorter(&self, at: u64) -> StorageError {
        let Range { end, .. } = self.range;
        StorageError::new(ErrorKind::Corrupt, "read", &self.key)
            .with_source(format!("it had at least {end} bytes when it was opened, but ends before byte {at}"))
    }
}

impl AsFd for FileSlice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Slices for the tests of those who send them.
#[cfg(test)]
pub(crate) mod testing {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    pub(crate) fn slice(file: File, range: Range<u64>) -> FileSlice {
        let key = StorageKey::parse("a/b".to_owned()).unwrap();
        FileSlice::new(Arc::new(file.into()), key, range)
    }

    pub(crate) fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use testing::slice;

    #[test]
    fn what_is_loaded_is_in_memory_and_what_was_let_go_is_not() {
        let file = testing::file_of(&vec![7; 3 << 20]);
        file.sync_all().unwrap();
        let advice = rustix::fs::Advice::DontNeed;
        rustix::fs::fadvise(&file, 0, None, advice).unwrap();
        let slice = slice(file, 10..3 << 20);
        // A file system that lives in memory lets nothing go.
        let _ = slice.in_memory(slice.range()).unwrap();
        slice.load(slice.range()).unwrap();
        assert!(slice.in_memory(slice.range()).unwrap());
    }

    #[test]
    fn a_file_that_was_cut_is_told_by_both_ways() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(100_000).unwrap();
        let slice = slice(file, 0..100_001);
        assert_eq!(slice.load(slice.range()).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(slice.in_memory(slice.range()).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(slice.in_memory(0..100_000).unwrap());
    }
}
