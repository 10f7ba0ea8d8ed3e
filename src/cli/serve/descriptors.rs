//! Where it is remembered what repositories have.

use std::sync::Arc;

use super::StartError;
use crate::cli::output::warn;
use crate::config::Config;
use crate::config::storage::BlobDescriptorCache;
use crate::redis::Redis;
use crate::registry::Registry;
use crate::registry::descriptors::{MemoryDescriptors, RedisDescriptorOptions, RedisDescriptors, RedisRole};
use crate::telemetry::metrics::{CacheMetrics, Metrics, RedisMetrics};

/// Gives a registry the cache that is configured, and tells which in the words that operators look for.
pub(super) async fn remembering(
    config: &Config,
    metrics: &Metrics,
    registry: Registry,
) -> Result<(Registry, Option<String>), StartError> {
    match config.storage.cache.blobdescriptor {
        BlobDescriptorCache::None => Ok((registry, None)),
        BlobDescriptorCache::InMemory => {
            Ok((in_memory(config, registry), Some("using inmemory blob descriptor cache".to_owned())))
        }
        BlobDescriptorCache::Redis => in_redis(config, metrics, registry).await,
    }
}

/// Whether a look into the cache is worth to be late by its age: on this machine a look into the storage costs less.
fn is_worth_asking(config: &Config, registry: &Registry) -> bool {
    registry.storage().capabilities().remote && !config.storage.cache.descriptor_age_max.is_zero()
}

fn in_memory(config: &Config, registry: Registry) -> Registry {
    if !is_worth_asking(config, &registry) {
        return registry;
    }
    let cache = &config.storage.cache;
    let descriptors = MemoryDescriptors::new(cache.blobdescriptorsize, cache.descriptor_age_max.get());
    registry.with_descriptors(Arc::new(descriptors))
}

async fn in_redis(
    config: &Config,
    metrics: &Metrics,
    registry: Registry,
) -> Result<(Registry, Option<String>), StartError> {
    let redis = Redis::open(&config.redis, metrics.redis()).await.map_err(StartError::from)?;
    let place = redis.place();
    let (role, told) = if is_worth_asking(config, &registry) {
        (RedisRole::Asked, format!("using redis blob descriptor cache at {place}"))
    } else {
        let told = format!(
            "using redis blob descriptor cache at {place}: it is kept up to date for others and not asked, because the data \
             lies on this machine or storage.cache.descriptor_age_max is 0"
        );
        (RedisRole::KeptUpToDate, told)
    };
    let options = RedisDescriptorOptions {
        secret: seal_secret(&registry).await?,
        age_max: config.storage.cache.descriptor_age_max.get(),
        role,
        metrics: registry.options().cache_metrics.clone(),
    };
    let descriptors = RedisDescriptors::new(redis, options);
    Ok((registry.with_descriptors(Arc::new(descriptors)), Some(told)))
}

/// Gives a registry that only deletes the Redis that remembers what it deletes, if one does: waits for it as long as it may
/// take to connect, and goes on without.
pub(in crate::cli) async fn forgetting(config: &Config, registry: Registry) -> Result<Registry, String> {
    if config.storage.cache.blobdescriptor != BlobDescriptorCache::Redis {
        return Ok(registry);
    }
    let redis = Redis::open(&config.redis, RedisMetrics::default()).await.map_err(|error| error.to_string())?;
    if !redis.wait().await {
        let place = redis.place();
        warn(format_args!(
            "Redis at {place} is not there: what is deleted now will be remembered in it; a distribution that shares it believes \
             that, so flush it afterwards (FLUSHDB)"
        ));
        return Ok(registry);
    }
    let age_max = config.storage.cache.descriptor_age_max.get();
    // Nothing is written, so nothing is sealed.
    let (role, metrics) = (RedisRole::OnlyForgets, CacheMetrics::default());
    let options = RedisDescriptorOptions { secret: Vec::new(), age_max, role, metrics };
    Ok(registry.with_descriptors(Arc::new(RedisDescriptors::new(redis, options))))
}

/// What entries are sealed with. Not `http.secret`: registries with different data may have the same one, and share a Redis.
async fn seal_secret(registry: &Registry) -> Result<Vec<u8>, StartError> {
    match registry.shared_secret().await {
        Ok(secret) => Ok(secret),
        Err(error) => {
            tracing::warn!(
                %error,
                "no secret can be kept with the data: what other servers and earlier ones wrote to Redis will not be believed"
            );
            let mut random = vec![0; 32];
            getrandom::fill(&mut random).map_err(StartError::from)?;
            Ok(random)
        }
    }
}
