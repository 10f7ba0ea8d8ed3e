//! Descriptors: what a repository has, remembered for a while, so that a remote backend need not be asked each time.
//!
//! Content never changes under its digest, but a repository can lose it: by a delete in this process, which forgets the entry at
//! once, or in another one, which nobody tells us of. So an entry counts for a bounded time only, and what would do lasting harm
//! if it were late is asked of the storage all the same: what a tag points at, and whether a repository has what a manifest that
//! is being pushed refers to.

mod memory;
mod redis;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::oci::{Digest, RepositoryName};

pub use memory::MemoryDescriptors;
pub use redis::{RedisDescriptorOptions, RedisDescriptors, RedisRole};

/// In which of a repository's two lists a descriptor stands. A manifest is no blob of the repository until somebody pushes it as
/// one, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Layers, configs: what is asked for under `blobs`.
    Blob,
    /// What is asked for under `manifests`.
    Manifest,
}

/// What an entry is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DescriptorKey {
    /// Who has it.
    pub repository: RepositoryName,
    /// As what.
    pub kind: Kind,
    /// The digest that clients ask for it by; of any algorithm.
    pub digest: Digest,
}

impl DescriptorKey {
    pub(super) fn blob(repository: &RepositoryName, digest: &Digest) -> Self {
        Self { repository: repository.clone(), kind: Kind::Blob, digest: digest.clone() }
    }

    pub(super) fn manifest(repository: &RepositoryName, digest: &Digest) -> Self {
        Self { repository: repository.clone(), kind: Kind::Manifest, digest: digest.clone() }
    }
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedDescriptor {
    /// The digest that the bytes are stored under: the content's SHA-256.
    pub canonical: Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// A manifest's own media type; of blobs `application/octet-stream`, since nobody says what they are.
    pub media_type: String,
}

/// Where descriptors are remembered: in this process, or somewhere that replicas share. Every method is called from any number
/// of tasks, in the path of a request. None can fail: a cache that can't be reached knows nothing, within a time that a request
/// can wait, and tells the log.
#[async_trait]
pub trait DescriptorCache: Send + Sync + 'static {
    /// The entry, unless it is older than the cache's maximum age (`storage.cache.descriptor_age_max`): what was deleted by
    /// another process is never known for longer than that, whoever wrote the entry.
    async fn get(&self, key: &DescriptorKey) -> Option<CachedDescriptor>;

    /// Remembers. The storage had it a moment ago.
    async fn put(&self, key: &DescriptorKey, descriptor: &CachedDescriptor);

    /// Forgets, before the answer to whoever deleted it.
    async fn remove(&self, key: &DescriptorKey);
}

/// A registry's use of a cache, or of none.
pub(super) struct Descriptors {
    cache: Option<Arc<dyn DescriptorCache>>,
    removals: AtomicU64,
}

/// How many removals there had been when somebody began to ask the storage. What he finds is not worth remembering if there has
/// been one since: it may be the very thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(u64);

impl Descriptors {
    pub(super) fn new(cache: Option<Arc<dyn DescriptorCache>>) -> Self {
        Self { cache, removals: AtomicU64::new(0) }
    }

    pub(super) async fn get(&self, key: &DescriptorKey) -> Option<CachedDescriptor> {
        self.cache.as_ref()?.get(key).await
    }

    /// To be taken before the storage is asked.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.removals.load(Ordering::SeqCst))
    }

    pub(super) async fn put(&self, ticket: Ticket, key: &DescriptorKey, descriptor: &CachedDescriptor) {
        let Some(cache) = &self.cache else { return };
        if self.ticket().0 != ticket.0 {
            return;
        }
        cache.put(key, descriptor).await;
        // A removal that came between has found nothing to remove.
        if self.ticket().0 != ticket.0 {
            cache.remove(key).await;
        }
    }

    /// To be called when the storage has it no more.
    pub(super) async fn remove(&self, keys: &[DescriptorKey]) {
        self.removals.fetch_add(1, Ordering::SeqCst);
        let Some(cache) = &self.cache else { return };
        for key in keys {
            cache.remove(key).await;
        }
    }
}

impl fmt::Debug for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptors").field("cached", &self.cache.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::oci::{Algorithm, Hasher};

    #[tokio::test]
    async fn what_was_found_before_a_removal_is_not_remembered_after_it() {
        let descriptors = Descriptors::new(Some(Arc::new(MemoryDescriptors::new(10, Duration::from_secs(60)))));
        let canonical = Hasher::digest(Algorithm::CANONICAL, b"content");
        let key = DescriptorKey::blob(&"library/app".parse().unwrap(), &canonical);
        let descriptor = CachedDescriptor { canonical, size: 7, media_type: String::new() };
        let before = descriptors.ticket();
        descriptors.remove(std::slice::from_ref(&key)).await;
        descriptors.put(before, &key, &descriptor).await;
        assert_eq!(descriptors.get(&key).await, None);
        descriptors.put(descriptors.ticket(), &key, &descriptor).await;
        assert_eq!(descriptors.get(&key).await, Some(descriptor));
    }
}
