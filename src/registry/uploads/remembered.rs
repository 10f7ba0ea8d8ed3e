//! What this process remembers of uploads between two requests. It is a short cut and no more: another process may have gone
//! on with an upload meanwhile, so what is remembered is used where the content itself or a condition proves it right, and
//! checked against the stored state everywhere else.

use std::time::Duration;

use bytes::Bytes;
use moka::policy::EvictionPolicy;

use super::UploadId;
use super::hashes::Hashes;
use super::state::UploadState;

/// How much is remembered in all, and for how long: what is forgotten costs a request or a second reading.
const REMEMBERED_BYTES_MAX: u64 = 8 << 20;
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
/// What an entry and each of its parts take.
const ENTRY_BYTES: usize = 512;
const PART_BYTES: usize = 80;

/// An upload as this process has last seen it.
#[derive(Clone)]
pub(super) struct Remembered {
    pub(super) offset: u64,
    pub(super) hashes: Hashes,
    pub(super) parts: Vec<String>,
    pub(super) inline: Bytes,
    /// Whether a state was stored; not for one that has only begun.
    pub(super) stored: bool,
}

impl Remembered {
    /// An upload that has just begun.
    pub(super) fn fresh(hashes: Hashes, stored: bool) -> Self {
        Self { offset: 0, hashes, parts: Vec::new(), inline: Bytes::new(), stored }
    }

    /// Whether nothing but its beginning is stored, as far as this process knows.
    pub(super) fn is_fresh(&self) -> bool {
        self.offset == 0 && !self.stored
    }

    /// Whether the hashes are over the same bytes as those of the stored state.
    pub(super) fn agrees_with(&self, state: &UploadState) -> bool {
        self.offset == state.offset && self.parts == state.parts && self.inline == state.inline
    }

    fn weight(&self) -> u32 {
        u32::try_from(ENTRY_BYTES + self.parts.len() * PART_BYTES + self.inline.len()).unwrap_or(u32::MAX)
    }
}

/// All of them.
pub(super) struct Memory(moka::sync::Cache<UploadId, Remembered>);

impl Memory {
    pub(super) fn new() -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(REMEMBERED_BYTES_MAX)
            .weigher(|_: &UploadId, upload: &Remembered| upload.weight())
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(REMEMBERED_FOR);
        Self(cache.build())
    }

    pub(super) fn remember(&self, id: &UploadId, upload: Remembered) {
        self.0.insert(id.clone(), upload);
    }

    pub(super) fn recall(&self, id: &UploadId) -> Option<Remembered> {
        self.0.get(id)
    }

    pub(super) fn forget(&self, id: &UploadId) {
        self.0.invalidate(id);
    }
}
