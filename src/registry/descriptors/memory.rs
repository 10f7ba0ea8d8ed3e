//! Descriptors in the memory of this process.

use std::time::Duration;

use async_trait::async_trait;
use moka::policy::EvictionPolicy;

use super::{CachedDescriptor, DescriptorCache, DescriptorKey};

/// The least used give way. An entry takes some 400 bytes.
pub struct MemoryDescriptors(moka::sync::Cache<DescriptorKey, CachedDescriptor>);

impl MemoryDescriptors {
    /// Holds `entries_max` entries (0: any number) for `age_max` each.
    pub fn new(entries_max: u64, age_max: Duration) -> Self {
        let entries = moka::sync::Cache::builder().time_to_live(age_max).eviction_policy(EvictionPolicy::lru());
        let entries = if entries_max == 0 { entries } else { entries.max_capacity(entries_max) };
        Self(entries.build())
    }
}

#[async_trait]
impl DescriptorCache for MemoryDescriptors {
    async fn get(&self, key: &DescriptorKey) -> Option<CachedDescriptor> {
        self.0.get(key)
    }

    async fn put(&self, key: &DescriptorKey, descriptor: &CachedDescriptor) {
        self.0.insert(key.clone(), descriptor.clone());
    }

    async fn remove(&self, key: &DescriptorKey) {
        self.0.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Algorithm, Hasher};

    #[tokio::test]
    async fn an_entry_ends_with_its_age_and_the_number_is_bounded() {
        let entry = |number: u8| {
            let canonical = Hasher::digest(Algorithm::CANONICAL, &[number]);
            let key = DescriptorKey::manifest(&"a".parse().unwrap(), &canonical);
            (key, CachedDescriptor { canonical, size: 1, media_type: "m".to_owned() })
        };
        let cache = MemoryDescriptors::new(3, Duration::from_secs(3600));
        for number in 0..9 {
            let (key, descriptor) = entry(number);
            cache.put(&key, &descriptor).await;
            assert_eq!(cache.get(&key).await, Some(descriptor));
        }
        cache.0.run_pending_tasks();
        assert!(cache.0.entry_count() <= 3);
        let (key, descriptor) = entry(1);
        let brief = MemoryDescriptors::new(0, Duration::from_nanos(1));
        brief.put(&key, &descriptor).await;
        crate::patience::until(async || brief.get(&key).await.is_none()).await;
    }
}
