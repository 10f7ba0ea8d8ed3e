//! Storing a manifest: bytes first, then the revision that makes it known, the referrers entry, and the tags last, so that
//! whoever can see a tag can also see everything behind it.

use std::sync::Arc;

use bytes::Bytes;

use super::StoredManifest;
use crate::oci::{Algorithm, Digest, Hasher, Manifest, Reference, RepositoryName, Tag};
use crate::registry::descriptors::DescriptorKey;
use crate::registry::links::put_link;
use crate::registry::{Error, Registry, Result};
use crate::storage::{Change, OptionalExt, layout};

/// A manifest up to this size is sent to a remote backend without asking whether it is there.
const BLIND_PUT_BYTES_MAX: usize = 64 << 10;

/// What came of a push.
#[derive(Debug, Clone)]
pub struct PushedManifest {
    /// The digest to pull it by: the one it was pushed under, or its SHA-256 when pushed by tag.
    pub digest: Digest,
    /// The digest of its subject, if it has one.
    pub subject: Option<Digest>,
    /// What was stored.
    pub stored: Arc<StoredManifest>,
}

impl Registry {
    /// Stores a manifest under a tag or a digest, and under the further `tags`.
    ///
    /// # Errors
    /// [`Error::ManifestInvalid`], [`Error::DigestMismatch`], [`Error::ReferencesUnknown`], [`Error::UrlNotAllowed`].
    pub async fn push_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        tags: &[Tag],
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<PushedManifest> {
        let canonical = Hasher::digest(Algorithm::CANONICAL, &body);
        let digest = match reference {
            Reference::Tag(_) => canonical.clone(),
            Reference::Digest(expected) => {
                let found = Hasher::digest(expected.algorithm(), &body);
                if found != *expected {
                    return Err(Error::DigestMismatch { expected: expected.clone(), found });
                }
                found
            }
        };
        let manifest = Manifest::parse(content_type, &body)?;
        self.check_manifest(repository, &manifest).await?;

        let mut changes = self.revision_changes(repository, &digest, &canonical, &body).await?;
        changes.extend(Self::referrer_change(repository, &digest, &manifest));
        let named = match reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        for tag in named.into_iter().chain(tags) {
            changes.push(put_link(layout::tag_index_link(repository, tag, &digest), &digest));
            changes.push(put_link(layout::tag_link(repository, tag), &digest));
        }
        let ticket = self.descriptors.ticket();
        self.storage.commit(changes).await?;

        let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        let stored = Arc::new(StoredManifest { digest: digest.clone(), bytes: body, manifest });
        self.manifests.insert(digest.clone(), stored.clone());
        let key = DescriptorKey::manifest(repository, &digest);
        self.descriptors.put(ticket, &key, &stored.descriptor(canonical)).await;
        Ok(PushedManifest { digest, subject, stored })
    }

    /// What makes a manifest known in a repository: its bytes, and a link under every digest it goes by. The SHA-256 is always
    /// one of them, because that is what other servers on the same data look for.
    async fn revision_changes(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        canonical: &Digest,
        body: &Bytes,
    ) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let key = layout::blob_data(canonical);
        // A request that may find that another one is not needed saves nothing, unless that one is long.
        let anyhow = self.storage.capabilities().remote && body.len() <= BLIND_PUT_BYTES_MAX;
        if anyhow || self.storage.stat(&key).await.optional()?.is_none_or(|meta| meta.size != body.len() as u64) {
            changes.push(Change::Put { key, content: body.clone() });
        }
        changes.extend(self.link_change(layout::revision_link(repository, canonical), canonical).await?);
        if digest != canonical {
            changes.push(put_link(layout::revision_link(repository, digest), canonical));
        }
        Ok(changes)
    }
}
