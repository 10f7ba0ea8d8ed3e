//! Manifests: kept byte for byte, immutable by digest, and therefore the one thing that may stay in memory for ever.

mod delete;
mod push;
mod rules;

pub use push::PushedManifest;
pub use rules::{IndexChildren, ManifestRules};

use std::sync::Arc;

use bytes::Bytes;

use super::descriptors::{CachedDescriptor, DescriptorKey};
use super::{Error, Registry, Result};
use crate::oci::{Algorithm, Digest, Hasher, Manifest, Reference, RepositoryName};
use crate::storage::{ErrorKind, OptionalExt, StorageError, layout};
use crate::telemetry::metrics::CacheMetrics;

/// A manifest as it is served.
#[derive(Debug, Clone)]
pub struct StoredManifest {
    /// The digest under which it was found: the one asked for, or the one that the tag names.
    pub digest: Digest,
    /// Exactly what was pushed.
    pub bytes: Bytes,
    /// What the registry understands of it.
    pub manifest: Manifest,
}

impl StoredManifest {
    /// What is remembered of it, if it is stored as `canonical`.
    fn descriptor(&self, canonical: Digest) -> CachedDescriptor {
        let media_type = self.manifest.kind.media_type().to_owned();
        CachedDescriptor { canonical, size: self.bytes.len() as u64, media_type }
    }
}

/// Manifests by the digest they were asked for, the least used of which give way.
pub(super) struct Cache {
    entries: moka::sync::Cache<Digest, Arc<StoredManifest>>,
    metrics: CacheMetrics,
}

impl Cache {
    pub(super) fn new(bytes_max: u64, metrics: CacheMetrics) -> Self {
        // The parsed form takes about as much as the bytes do.
        let weight =
            |_: &Digest, stored: &Arc<StoredManifest>| u32::try_from(512 + stored.bytes.len() * 2).unwrap_or(u32::MAX);
        let entries = moka::sync::Cache::builder().max_capacity(bytes_max).weigher(weight).build();
        Self { entries, metrics }
    }

    fn get(&self, digest: &Digest) -> Option<Arc<StoredManifest>> {
        let found = self.entries.get(digest);
        if found.is_some() {
            self.metrics.hit()
        } else {
            self.metrics.miss()
        }
        found
    }

    fn insert(&self, digest: Digest, stored: Arc<StoredManifest>) {
        self.entries.insert(digest, stored);
    }
}

impl Registry {
    /// Finds a manifest by tag or digest.
    ///
    /// The bytes come from memory when they were read before. That the repository still has the manifest is asked of the storage
    /// each time, so a delete is seen at once, whoever did it; but where descriptors are remembered, a delete by another
    /// process may be seen later by their maximum age.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] when the repository has no such tag or manifest.
    pub async fn manifest(&self, repository: &RepositoryName, reference: &Reference) -> Result<Arc<StoredManifest>> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.resolve_tag(repository, tag).await?,
        };
        let unknown = || Error::ManifestUnknown { repository: repository.clone(), reference: reference.clone() };
        let (ticket, key) = (self.descriptors.ticket(), DescriptorKey::manifest(repository, &digest));
        let known = self.descriptors.get(&key).await;
        let canonical = match &known {
            Some(known) => known.canonical.clone(),
            None => self.read_link(&layout::revision_link(repository, &digest)).await?.ok_or_else(unknown)?,
        };
        let stored = match self.manifests.get(&digest) {
            Some(stored) => stored,
            None => {
                let Some(stored) = self.load_manifest(&digest, &canonical).await? else {
                    self.descriptors.remove(&[key]).await;
                    return Err(unknown());
                };
                let stored = Arc::new(stored);
                self.manifests.insert(digest, stored.clone());
                stored
            }
        };
        if known.is_none() {
            self.descriptors.put(ticket, &key, &stored.descriptor(canonical)).await;
        }
        Ok(stored)
    }

    /// Reads a manifest from storage and checks it against its digest: what a disk or a backend has garbled is not served.
    async fn load_manifest(&self, digest: &Digest, canonical: &Digest) -> Result<Option<StoredManifest>> {
        let key = layout::blob_data(canonical);
        let Some(bytes) = self.storage.get(&key, self.options.manifest_bytes_max.max(4 << 20)).await.optional()? else {
            return Ok(None);
        };
        if Hasher::digest(digest.algorithm(), &bytes) != *digest {
            let error = StorageError::new(ErrorKind::Corrupt, "get", &key);
            return Err(error.with_source("the content does not have the digest it is stored under").into());
        }
        let manifest = Manifest::parse_stored(&bytes)?;
        Ok(Some(StoredManifest { digest: digest.clone(), bytes, manifest }))
    }

    /// The digests under which a repository knows the manifest that is stored as `canonical`.
    async fn names_of(&self, repository: &RepositoryName, canonical: &Digest) -> Result<Vec<Digest>> {
        let mut names = vec![canonical.clone()];
        for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
            names.extend(self.aliases(repository, canonical, algorithm).await?);
        }
        Ok(names)
    }
}
