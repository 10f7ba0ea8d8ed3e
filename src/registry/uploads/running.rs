//! Which uploads this process is writing to, and how much memory each may use.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::UploadId;
use super::remembered::{Memory, Remembered};

/// A piece is never smaller than this: below it the cost per piece counts more than its bytes.
const PIECE_BYTES_MIN: u64 = 64 << 10;
/// A piece is never larger than this: above it nothing gets faster, and the CPU's caches are left behind.
const PIECE_BYTES_MAX: u64 = 1 << 20;
/// How many pieces an upload holds at once: one that arrives while the one before it is hashed and written.
const PIECES_IN_FLIGHT: u64 = 2;

/// A blob up to this size that arrives in one request is held in memory and written in one go, without being staged.
pub(super) const SMALL_BLOB_BYTES_MAX: u64 = 256 << 10;

/// How many small bodies are held whole in memory at once, however much memory there is.
const SMALL_MAX: u64 = 10_000;

/// How many uploads that have ended are removed in the background at once; beyond that a request waits for its own, so that
/// removing never falls behind ending.
const REMOVALS_MAX: usize = 32;

/// The uploads that this process is writing to now.
pub(in crate::registry) struct Running {
    busy: Arc<Mutex<HashSet<UploadId>>>,
    /// Ended, but not removed from storage yet.
    ended: Arc<Mutex<HashSet<UploadId>>>,
    removals: Arc<Semaphore>,
    small: Arc<Semaphore>,
    buffer_bytes_max: u64,
    memory: Memory,
}

impl Running {
    pub(in crate::registry) fn new(buffer_bytes_max: u64) -> Self {
        let removals = Arc::new(Semaphore::new(REMOVALS_MAX));
        let small = (buffer_bytes_max / SMALL_BLOB_BYTES_MAX).clamp(1, SMALL_MAX);
        let small = Arc::new(Semaphore::new(small as usize));
        Self { busy: Arc::default(), ended: Arc::default(), removals, small, buffer_bytes_max, memory: Memory::new() }
    }

    /// Keeps an upload as it is now for its next request.
    pub(super) fn remember(&self, id: &UploadId, upload: Remembered) {
        self.memory.remember(id, upload);
    }

    /// An upload as this process has left it. Another one may have gone on with it.
    pub(super) fn recall(&self, id: &UploadId) -> Option<Remembered> {
        self.memory.recall(id)
    }

    /// Ends an upload: from now on nobody can go on with it. As long as the answer lives, it counts as unknown although
    /// something of it may still be stored.
    pub(super) fn end(&self, id: &UploadId) -> Listed {
        self.memory.forget(id);
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        Listed { list: self.ended.clone(), id: id.clone() }
    }

    /// Whether an upload has ended and is being removed.
    pub(super) fn has_ended(&self, id: &UploadId) -> bool {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// A place among the removals in the background; `None` when there are enough of them.
    pub(super) fn removal(&self) -> Option<OwnedSemaphorePermit> {
        self.removals.clone().try_acquire_owned().ok()
    }

    /// A place for a small body that is held in memory until it is whole; `None` when the memory is spent, and then it is staged
    /// like any other.
    pub(super) fn small(&self) -> Option<OwnedSemaphorePermit> {
        self.small.clone().try_acquire_owned().ok()
    }

    /// Takes an upload for one request; `None` while another request has it.
    pub(super) fn take(&self, id: &UploadId) -> Option<Listed> {
        let fresh = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        fresh.then(|| Listed { list: self.busy.clone(), id: id.clone() })
    }

    /// Whether a request of this process has an upload now.
    pub(super) fn is_busy(&self, id: &UploadId) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// How large a piece may be now. The more uploads there are, the smaller each one's pieces, so that the sum stays bounded.
    pub(super) fn piece_bytes(&self) -> usize {
        let uploads = self.busy.lock().unwrap_or_else(PoisonError::into_inner).len().max(1) as u64;
        let fair = self.buffer_bytes_max / (uploads * PIECES_IN_FLIGHT);
        fair.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX) as usize
    }
}

/// An upload that stands in one of the lists, until this is dropped.
pub(super) struct Listed {
    list: Arc<Mutex<HashSet<UploadId>>>,
    id: UploadId,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_at_a_time() {
        let running = Running::new(16 << 20);
        let id = UploadId::fresh();
        let taken = running.take(&id);
        assert!(taken.is_some());
        assert!(running.take(&id).is_none());
        drop(taken);
        assert!(running.take(&id).is_some());
    }

    #[test]
    fn many_uploads_get_small_pieces() {
        let running = Running::new(16 << 20);
        assert_eq!(running.piece_bytes(), 1 << 20);
        let all: Vec<_> = (0..100).map(|_| running.take(&UploadId::fresh())).collect();
        assert!(running.piece_bytes() * 2 * all.len() <= 16 << 20);
    }
}
