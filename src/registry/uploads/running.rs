//! Which uploads this process is writing to, and how much memory each may use.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::UploadId;
use super::hashes::Hashes;

/// A piece is never smaller than this: below it the cost per piece counts more than its bytes.
const PIECE_BYTES_MIN: u64 = 64 << 10;
/// A piece is never larger than this: above it nothing gets faster, and the CPU's caches are left behind.
const PIECE_BYTES_MAX: u64 = 1 << 20;
/// How many pieces an upload holds at once: one that arrives while the one before it is hashed and written.
const PIECES_IN_FLIGHT: u64 = 2;

/// Of how many uploads the hashes are remembered between two requests, at about 300 bytes each, and for how long: what is
/// forgotten costs a second reading, no more.
const REMEMBERED_MAX: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

/// How many uploads that have ended are removed in the background at once; beyond that a request waits for its own, so that
/// removing never falls behind ending.
const REMOVALS_MAX: usize = 32;

/// The uploads that this process is writing to now.
pub(in crate::registry) struct Running {
    busy: Arc<Mutex<HashSet<UploadId>>>,
    /// Ended, but not removed from storage yet.
    ended: Arc<Mutex<HashSet<UploadId>>>,
    removals: Arc<Semaphore>,
    buffer_bytes_max: u64,
    /// Hashes that can't be stored, with the offset up to which they go.
    hashes: moka::sync::Cache<UploadId, (u64, Hashes)>,
}

impl Running {
    pub(in crate::registry) fn new(buffer_bytes_max: u64) -> Self {
        let hashes = moka::sync::Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(REMEMBERED_FOR).build();
        let removals = Arc::new(Semaphore::new(REMOVALS_MAX));
        Self { busy: Arc::default(), ended: Arc::default(), removals, buffer_bytes_max, hashes }
    }

    /// Keeps the hashes of an upload for its next request.
    pub(super) fn remember(&self, id: &UploadId, offset: u64, hashes: &Hashes) {
        self.hashes.insert(id.clone(), (offset, hashes.clone()));
    }

    /// The hashes of an upload, if they go exactly as far as it does. An offset never comes twice with other bytes: the stored
    /// one only grows, whichever process writes it.
    pub(super) fn recall(&self, id: &UploadId, offset: u64) -> Option<Hashes> {
        self.hashes.get(id).filter(|(reached, _)| *reached == offset).map(|(_, hashes)| hashes)
    }

    /// Ends an upload: from now on nobody can go on with it. As long as the answer lives, it counts as unknown although
    /// something of it may still be stored.
    pub(super) fn end(&self, id: &UploadId) -> Listed {
        self.hashes.invalidate(id);
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

    /// Takes an upload for one request; `None` while another request has it.
    pub(super) fn take(&self, id: &UploadId) -> Option<Listed> {
        let fresh = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        fresh.then(|| Listed { list: self.busy.clone(), id: id.clone() })
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
