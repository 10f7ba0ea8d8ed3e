//! Where it is remembered what repositories have.

use std::sync::Arc;

use super::StartError;
use crate::config::Config;
use crate::config::storage::BlobDescriptorCache;
use crate::redis::Redis;
use crate::registry::Registry;
use crate::registry::descriptors::{MemoryDescriptors, RedisDescriptorOptions, RedisDescriptors};
use crate::telemetry::metrics::Metrics;

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
    let asked = is_worth_asking(config, &registry);
    let place = redis.place();
    let told = if asked {
        format!("using redis blob descriptor cache at {place}")
    } else {
        format!(
            "using redis blob descriptor cache at {place}: it is kept up to date for others and not asked, because the data \
             lies on this machine or storage.cache.descriptor_age_max is 0"
        )
    };
    let options = RedisDescriptorOptions {
        secret: seal_secret(&registry).await?,
        age_max: config.storage.cache.descriptor_age_max.get(),
        asked,
        metrics: registry.options().cache_metrics.clone(),
    };
    let descriptors = RedisDescriptors::new(redis, options);
    Ok((registry.with_descriptors(Arc::new(descriptors)), Some(told)))
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
