//! What a registry does, without a word of HTTP: blobs, uploads, manifests, tags, referrers, the catalog.
//!
//! [`Registry`] is one handle, shared by every request; each file here adds the operations of one noun to it. Storage is the
//! truth. What is kept in memory is what can never change (manifests, by their digest), and on a remote backend for a while
//! that a repository has something ([`descriptors`]).

mod blobs;
mod catalog;
pub mod descriptors;
mod error;
pub mod gc;
mod key;
mod links;
pub mod manifests;
mod pages;
mod referrers;
mod repositories;
mod secret;
mod tags;
#[cfg(test)]
mod tests;
pub mod uploads;
pub mod verify;

pub use blobs::Blob;
pub use catalog::CatalogPage;
pub use descriptors::DescriptorCache;
pub use error::{Error, Result};
pub use manifests::{ManifestRules, PushedManifest, StoredManifest};
pub use referrers::ReferrersPage;
pub use tags::TagsPage;
pub use uploads::{BlobBody, UploadId, UploadStatus};

use std::sync::Arc;

use self::descriptors::Descriptors;
use crate::storage::Storage;
use crate::telemetry::metrics::CacheMetrics;

/// What an operator can set about a registry.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// The largest manifest that is taken or served, in bytes. The specification asks for at least 4 MiB.
    pub manifest_bytes_max: u64,
    /// How many bytes of manifests are kept in memory.
    pub manifest_cache_bytes_max: u64,
    /// How many bytes all uploads together may hold in memory, as far as that is possible: each one needs at least 128 KiB.
    pub upload_buffer_bytes_max: u64,
    /// What is checked of a manifest before it is taken.
    pub manifest_rules: ManifestRules,
    /// Where the hits and misses of the manifest cache are counted.
    pub cache_metrics: CacheMetrics,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            manifest_bytes_max: 4 << 20,
            manifest_cache_bytes_max: 16 << 20,
            upload_buffer_bytes_max: 16 << 20,
            manifest_rules: ManifestRules::default(),
            cache_metrics: CacheMetrics::default(),
        }
    }
}

/// A registry on top of a storage backend.
pub struct Registry {
    storage: Arc<dyn Storage>,
    options: RegistryOptions,
    descriptors: Descriptors,
    manifests: manifests::Cache,
    uploads: uploads::Running,
}

impl Registry {
    /// A registry that keeps everything in `storage`. Reads nothing yet.
    pub fn new(storage: Arc<dyn Storage>, options: RegistryOptions) -> Self {
        let manifests = manifests::Cache::new(options.manifest_cache_bytes_max, options.cache_metrics.clone());
        let uploads = uploads::Running::new(options.upload_buffer_bytes_max);
        Self { storage, options, descriptors: Descriptors::new(None), manifests, uploads }
    }

    /// Remembers in `cache` what repositories have. For backends to which the way is longer than to the cache.
    #[must_use]
    pub fn with_descriptors(self, cache: Arc<dyn DescriptorCache>) -> Self {
        Self { descriptors: Descriptors::new(Some(cache)), ..self }
    }

    /// The storage below, for upkeep that works on keys.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The options it was made with.
    pub fn options(&self) -> &RegistryOptions {
        &self.options
    }
}
