//! Memory for parts on their way to a store: one budget for all writers. Who needs more than is left waits, and so does his client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is counted: memory in pieces of this size.
const UNIT_BYTES: usize = 64 << 10;
/// How many parts a writer has memory for from the beginning: OpenDAL keeps the last one until the next one comes, so with
/// less than two, writers that wait for their next part would wait for each other.
const PARTS_MIN: usize = 2;

/// A budget. Clones share it.
#[derive(Debug, Clone)]
pub struct PartMemory {
    units: Arc<Semaphore>,
    units_max: u32,
}

impl PartMemory {
    /// Of so many bytes. A writer that needs more than all of it is let through alone.
    pub fn new(bytes_max: u64) -> Self {
        let units = (bytes_max / UNIT_BYTES as u64).clamp(1, Semaphore::MAX_PERMITS as u64);
        let units_max = u32::try_from(units).unwrap_or(u32::MAX);
        Self { units: Arc::new(Semaphore::new(units_max as usize)), units_max }
    }

    /// Waits until there is memory for a writer of parts of so many bytes; who came first is served first.
    pub(super) async fn quota(&self, part_bytes: usize) -> Quota {
        let base = self.acquire(part_bytes.saturating_mul(PARTS_MIN)).await;
        Quota { shared: self.clone(), base: Arc::new(base), own: Arc::new(Semaphore::new(PARTS_MIN)) }
    }

    /// The same, where at least half of the budget stays free for others; `None` at once where it would not.
    pub(super) fn quota_if_roomy(&self, part_bytes: usize) -> Option<Quota> {
        let units = part_bytes.saturating_mul(PARTS_MIN).div_ceil(UNIT_BYTES);
        if self.units.available_permits() < units.saturating_add(self.units_max as usize / 2) {
            return None;
        }
        let base = self.units.clone().try_acquire_many_owned(u32::try_from(units).ok()?).ok()?;
        Some(Quota { shared: self.clone(), base: Arc::new(Some(base)), own: Arc::new(Semaphore::new(PARTS_MIN)) })
    }

    /// `None` never: it is not closed.
    async fn acquire(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units_max);
        self.units.clone().acquire_many_owned(units).await.ok()
    }
}

impl Default for PartMemory {
    fn default() -> Self {
        Self::new(256 << 20)
    }
}

/// A writer's share of the budget.
pub(super) struct Quota {
    shared: PartMemory,
    base: Arc<Option<OwnedSemaphorePermit>>,
    /// Places for parts in it.
    own: Arc<Semaphore>,
}

impl Quota {
    /// Waits for memory for one more part: until one of the writer's own has been sent, or the budget has some left. After `time`
    /// it is granted anyhow: a part that could not be sent keeps its memory until the next one brings its failure to light.
    pub(super) async fn reserve(&self, part_bytes: usize, time: Duration) -> Reserved {
        let own = async { Part::Own(self.own.clone().acquire_owned().await.ok(), Arc::clone(&self.base)) };
        let more = async { Part::More(self.shared.acquire(part_bytes).await) };
        let either = async {
            tokio::select! {
                biased;
                part = own => part,
                part = more => part,
            }
        };
        Reserved(tokio::time::timeout(time, either).await.ok())
    }
}

/// Memory for one part.
#[derive(Debug)]
pub(super) struct Reserved(#[expect(dead_code, reason = "it is held")] Option<Part>);

#[derive(Debug)]
#[expect(dead_code, reason = "they are held")]
enum Part {
    /// One of those that the writer has from the beginning.
    Own(Option<OwnedSemaphorePermit>, Arc<Option<OwnedSemaphorePermit>>),
    /// One more.
    More(Option<OwnedSemaphorePermit>),
}

impl Reserved {
    /// The same bytes, which give the memory back when the last one lets go of them.
    pub(super) fn until_dropped(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _reserved: self })
    }
}

struct Held {
    bytes: Bytes,
    _reserved: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const PART: usize = 1 << 20;
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn memory_comes_back_when_the_bytes_go() {
        let memory = PartMemory::new(5 * PART as u64);
        let (one, two) = (memory.quota(PART).await, memory.quota(PART).await);
        assert!(memory.quota(PART).now_or_never().is_none(), "the budget is spent");
        let first = one.reserve(PART, LONG).await.until_dropped(Bytes::from_static(b"part"));
        let _second = one.reserve(PART, LONG).await;
        let third = one.reserve(PART, LONG).await;
        assert!(one.reserve(PART, LONG).now_or_never().is_none(), "two of its own, and the one that was left");
        assert!(two.reserve(PART, LONG).now_or_never().is_some(), "nobody takes another one's own");
        let slice = first.slice(1..2);
        drop(first);
        assert!(one.reserve(PART, LONG).now_or_never().is_none());
        drop(slice);
        assert!(one.reserve(PART, LONG).now_or_never().is_some());
        drop((two, third));
        assert!(memory.quota(PART).now_or_never().is_some());
    }

    #[tokio::test]
    async fn half_of_the_memory_is_left_to_those_who_need_it() {
        let memory = PartMemory::new(16 * PART as u64);
        let large: Vec<_> = std::iter::from_fn(|| memory.quota_if_roomy(2 * PART)).collect();
        assert_eq!(large.len(), 2, "each takes four");
        assert!(memory.quota(PART).now_or_never().is_some());
        drop(large);
        assert!(memory.quota_if_roomy(2 * PART).is_some());
        assert!(memory.quota_if_roomy(5 * PART).is_none());
    }

    #[tokio::test]
    async fn who_needs_more_than_there_is_comes_alone() {
        let memory = PartMemory::new(PART as u64);
        let large = memory.quota(100 * PART).await;
        assert!(memory.quota(1).now_or_never().is_none());
        let part = large.reserve(100 * PART, LONG).await;
        drop(large);
        assert!(memory.quota(1).now_or_never().is_none(), "its part is still on its way");
        drop(part);
        assert!(memory.quota(1).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_part_that_never_goes_holds_its_writer_up_for_a_while_only() {
        let quota = PartMemory::new(2 * PART as u64).quota(PART).await;
        let _stuck = (quota.reserve(PART, LONG).await, quota.reserve(PART, LONG).await);
        quota.reserve(PART, Duration::from_millis(1)).await;
    }
}
