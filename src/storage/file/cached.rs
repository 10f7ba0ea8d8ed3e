//! Reading what is in memory, without waiting for the disk.

use std::io::IoSliceMut;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, ReadWriteFlags};

/// Whether `preadv2` with `RWF_NOWAIT` works where the files lie: neither every kernel nor every file system has it.
pub(in crate::storage) struct PageCache {
    tells: AtomicBool,
}

impl PageCache {
    /// It is taken to work until it does not.
    pub(in crate::storage) fn new() -> Self {
        Self { tells: true.into() }
    }

    /// As on a kernel without it.
    #[cfg(test)]
    pub(in crate::storage) fn never_tells(&self) {
        self.tells.store(false, Ordering::Relaxed);
    }

    /// Whether the kernel can be asked for what is in memory, as far as is known.
    pub(super) fn tells(&self) -> bool {
        self.tells.load(Ordering::Relaxed)
    }

    /// Reads what is in memory; `None`: something else would have to be waited for.
    pub(in crate::storage) fn read_now(
        &self,
        file: BorrowedFd<'_>,
        buffer: &mut [u8],
        at: u64,
    ) -> Option<rustix::io::Result<usize>> {
        if !self.tells() {
            return None;
        }
        match rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP) => {
                self.tells.store(false, Ordering::Relaxed);
                None
            }
            answer => Some(answer),
        }
    }
}

/// Reads at a position, and waits for it.
pub(in crate::storage) fn read_at(file: BorrowedFd<'_>, buffer: &mut [u8], at: u64) -> rustix::io::Result<usize> {
    rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *buffer, at))
}
