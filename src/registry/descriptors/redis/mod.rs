//! Descriptors in Redis, where replicas and a `distribution` that shares it find them: what one server deletes, the others know at
//! once.
//!
//! The keys are those of `distribution`, which believes what it finds there. Wharf does not: anybody who can write to Redis could
//! open a repository's blobs to others that way. So it adds a field of its own to a repository's entry, with the time and a
//! [`seal`] that only who can read the storage can make, and an entry without a good seal, or with an old one, is no entry. What
//! remains to a Redis that lies is to forget, and to bring back for the rest of its age what was deleted a moment ago.

mod commands;
mod pending;
mod seal;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio::sync::Semaphore;

use super::{CachedDescriptor, DescriptorCache, DescriptorKey};
use crate::redis::{Failure, Redis};
use crate::telemetry::metrics::{CacheMetrics, RedisOperation};
use pending::Pending;
use seal::{Sealer, Unsealed};

/// Entries that are being written at once. More are left out: they are written the next time.
const WRITES_MAX: usize = 256;
/// What was written lately is not written again where Redis is not asked, which would show that it is there.
const WRITTEN_ENTRIES_MAX: u64 = 10_000;
const WRITTEN_AGE_MAX: Duration = Duration::from_secs(600);

/// How often, at most, it is told that somebody else writes entries.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What is to be known about a cache in Redis.
#[derive(Debug, Clone)]
pub struct RedisDescriptorOptions {
    /// What entries are sealed with: the same for all replicas on a storage, and known to nobody who can't read it.
    pub secret: Vec<u8>,
    /// How long an entry counts.
    pub age_max: Duration,
    /// What is done with it.
    pub role: RedisRole,
    /// Where hits, misses and errors are counted.
    pub metrics: CacheMetrics,
}

/// What Redis is to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisRole {
    /// Entries are looked up and written.
    Asked,
    /// They are kept up to date for others: the storage is as near as Redis.
    KeptUpToDate,
    /// They are only removed, by a command that deletes.
    OnlyForgets,
}

/// Descriptors in Redis. While it is away nothing is known, and nobody waits.
pub struct RedisDescriptors(Arc<Inner>);

struct Inner {
    redis: Redis,
    sealer: Sealer,
    options: RedisDescriptorOptions,
    writes: Arc<Semaphore>,
    written: moka::sync::Cache<DescriptorKey, ()>,
    pending: Pending,
    /// When it was last told that somebody else writes entries.
    told_millis: AtomicU64,
}

impl RedisDescriptors {
    /// A cache on this Redis. A task goes on forgetting there what could not be forgotten while it was away.
    pub fn new(redis: Redis, options: RedisDescriptorOptions) -> Self {
        let written =
            moka::sync::Cache::builder().max_capacity(WRITTEN_ENTRIES_MAX).time_to_live(WRITTEN_AGE_MAX).build();
        let inner = Arc::new(Inner {
            redis,
            sealer: Sealer::new(&options.secret),
            options,
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            written,
            pending: Pending::default(),
            told_millis: AtomicU64::new(0),
        });
        tokio::spawn(pending::forget_later(Arc::downgrade(&inner)));
        Self(inner)
    }
}

#[async_trait]
impl DescriptorCache for RedisDescriptors {
    async fn get(&self, key: &DescriptorKey) -> Option<CachedDescriptor> {
        let inner = &*self.0;
        if inner.options.role != RedisRole::Asked {
            return None;
        }
        let metrics = &inner.options.metrics;
        if inner.pending.has(key, Instant::now()) {
            metrics.miss();
            return None;
        }
        let Ok(entry) = inner.redis.ask::<Option<Vec<u8>>>(RedisOperation::Stat, &commands::look_up(key)).await else {
            metrics.error();
            return None;
        };
        let found = entry.map(|entry| inner.sealer.open(key, &entry, now_millis(), inner.options.age_max));
        match found {
            Some(Ok(descriptor)) => {
                metrics.hit();
                return Some(descriptor);
            }
            Some(Err(Unsealed::Broken)) => {
                metrics.error();
                inner.tell_of_strangers(key);
            }
            None | Some(Err(Unsealed::Old)) => metrics.miss(),
        }
        None
    }

    async fn put(&self, key: &DescriptorKey, descriptor: &CachedDescriptor) {
        let inner = &self.0;
        let needless = match inner.options.role {
            RedisRole::Asked => false,
            RedisRole::KeptUpToDate => inner.written.contains_key(key),
            RedisRole::OnlyForgets => true,
        };
        if needless || !inner.redis.is_there() {
            return;
        }
        // Nobody waits for it, so it may come after a removal: the mark that one leaves keeps it out then.
        let Ok(permit) = Arc::clone(&inner.writes).try_acquire_owned() else { return };
        let (inner, key, descriptor, written_at) = (Arc::clone(inner), key.clone(), descriptor.clone(), now_millis());
        tokio::spawn(async move {
            let _permit = permit;
            let kept = inner.keep(&key, &descriptor, written_at).await;
            if kept == Ok(true) && inner.options.role == RedisRole::KeptUpToDate {
                inner.written.insert(key, ());
            }
        });
    }

    async fn remove(&self, key: &DescriptorKey) {
        let inner = &self.0;
        inner.written.invalidate(key);
        let (inner, key) = (Arc::clone(inner), key.clone());
        // In a task of its own: whoever deleted it may go away before it is forgotten.
        let _ = tokio::spawn(async move { inner.forget_pending(&key).await }).await;
    }
}

impl Inner {
    /// Says, now and then, that somebody else writes entries: whoever asks for one such entry asks for many.
    fn tell_of_strangers(&self, key: &DescriptorKey) {
        let (now, told) = (now_millis(), self.told_millis.load(Ordering::Relaxed));
        if now.saturating_sub(told) >= TOLD_EVERY.as_millis() as u64 {
            self.told_millis.store(now, Ordering::Relaxed);
            let (repository, digest) = (&key.repository, &key.digest);
            tracing::warn!(
                %repository, %digest,
                "an entry in Redis was not written by this registry, or was changed: the storage is asked instead"
            );
        }
    }

    /// Writes an entry, unless it was removed a moment ago (false).
    async fn keep(
        &self,
        key: &DescriptorKey,
        descriptor: &CachedDescriptor,
        written_at_millis: u64,
    ) -> Result<bool, Failure> {
        let Some(sealed) = self.sealer.seal(key, descriptor, written_at_millis) else { return Ok(false) };
        let command = commands::keep(key, &sealed, written_at_millis, &descriptor.media_type);
        let kept: u64 = self.redis.ask(RedisOperation::Set, &command).await?;
        if kept == 1 {
            // Each by itself: in a cluster the keys lie on different nodes.
            for command in commands::keep_for_others(key, descriptor) {
                self.redis.ask::<::redis::Value>(RedisOperation::Set, &command).await?;
            }
        }
        Ok(kept == 1)
    }

    /// Removes an entry. Until Redis has confirmed it, it does not count here.
    async fn forget_pending(&self, key: &DescriptorKey) {
        self.pending.begin(key, Instant::now(), self.options.age_max);
        let confirmed = self.forget(key).await.is_ok();
        self.pending.end(key, confirmed);
    }

    /// Removes an entry, for everybody who shares this Redis.
    async fn forget(&self, key: &DescriptorKey) -> Result<(), Failure> {
        let commands = commands::forget(key, now_millis());
        let asked = commands.iter().map(|command| self.redis.ask::<::redis::Value>(RedisOperation::Clear, command));
        try_join_all(asked).await.map(drop)
    }
}

/// Now, in milliseconds since 1970. Replicas compare theirs, so their clocks should agree to a second or so.
fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
