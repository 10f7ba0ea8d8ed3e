//! Referrers: the manifests that have a given manifest as their subject.
//!
//! The index is one small object per pair of subject and referrer, written together with the referrer's manifest, so that no
//! two pushes ever write the same object. It is a cache: what was pushed by other servers (or before the index was) is found by
//! looking once through the manifests of a repository, and what older clients kept in fallback tags is added at every request.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::links::put_link;
use super::pages::{Pages, linked_digest};
use super::{Error, Registry, Result, StoredManifest};
use crate::oci::{Algorithm, Descriptor, Digest, Hasher, Manifest, Reference, RepositoryName, Tag};
use crate::storage::{Change, OptionalExt, WriteOptions, layout};

/// How many manifests are read at once while an index is built or answered from.
const MANIFEST_READS_MAX: usize = 16;

/// A page of a referrers list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferrersPage {
    /// The referrers, by digest.
    pub descriptors: Vec<Descriptor>,
    /// Whether there is at least one more behind the last one.
    pub more: bool,
}

impl Registry {
    /// Up to `limit` (at least 1) referrers of `subject`, which need not exist, after the digest `last`, and of the given
    /// artifact type if one is given.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        last: Option<&Digest>,
        limit: usize,
    ) -> Result<ReferrersPage> {
        self.complete_referrers(repository).await?;
        let mut digests = self.indexed_referrers(repository, subject).await?;
        digests.extend(self.fallback_referrers(repository, subject).await?);
        digests.sort();
        digests.dedup();
        digests.retain(|digest| last.is_none_or(|last| digest > last));

        let mut page = ReferrersPage::default();
        for some in digests.chunks(MANIFEST_READS_MAX) {
            let manifests = try_join_all(some.iter().map(|digest| self.find_manifest(repository, digest))).await?;
            for stored in manifests.into_iter().flatten().filter(|stored| has_subject(stored, subject)) {
                let descriptor = stored.manifest.referrer_descriptor(stored.digest.clone(), stored.bytes.len() as u64);
                if artifact_type.is_some_and(|wanted| descriptor.artifact_type.as_deref() != Some(wanted)) {
                    continue;
                }
                if page.descriptors.len() == limit {
                    page.more = true;
                    return Ok(page);
                }
                page.descriptors.push(descriptor);
            }
        }
        Ok(page)
    }

    /// What must be written so that `manifest` is found as a referrer.
    pub(super) fn referrer_change(repository: &RepositoryName, digest: &Digest, manifest: &Manifest) -> Option<Change> {
        let subject = manifest.subject.as_ref()?;
        Some(put_link(layout::referrer_link(repository, &subject.digest, digest), digest))
    }

    /// A manifest that may have gone since the index named it.
    async fn find_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Arc<StoredManifest>>> {
        match self.manifest(repository, &Reference::Digest(digest.clone())).await {
            Ok(stored) => Ok(Some(stored)),
            Err(Error::ManifestUnknown { .. } | Error::ManifestInvalid(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn indexed_referrers(&self, repository: &RepositoryName, subject: &Digest) -> Result<Vec<Digest>> {
        self.linked_digests(layout::referrers(repository, subject)).await
    }

    /// Every `<alg>/<hex>/link` beneath a prefix, as the digest that its path spells.
    async fn linked_digests(&self, prefix: crate::storage::StorageKey) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        let mut pages = Pages::subtree(self.storage.as_ref(), prefix);
        while let Some(entries) = pages.next().await? {
            digests.extend(entries.iter().filter_map(|entry| linked_digest(&entry.name)));
        }
        Ok(digests)
    }

    /// What a client without a referrers API has written under the fallback tag of `subject`.
    async fn fallback_referrers(&self, repository: &RepositoryName, subject: &Digest) -> Result<Vec<Digest>> {
        let Some(tag) = fallback_tag(subject) else { return Ok(Vec::new()) };
        match self.manifest(repository, &Reference::Tag(tag)).await {
            Ok(index) => Ok(index.manifest.manifests.iter().map(|child| child.digest.clone()).collect()),
            Err(Error::ManifestUnknown { .. } | Error::ManifestInvalid(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Looks once through all manifests of a repository, for those that were pushed while nobody kept an index.
    async fn complete_referrers(&self, repository: &RepositoryName) -> Result<()> {
        let marker = layout::referrers_complete(repository);
        if self.storage.stat(&marker).await.optional()?.is_some() || !self.repository_exists(repository).await? {
            return Ok(());
        }
        let mut digests = self.linked_digests(layout::revisions(repository)).await?;
        // What was pushed under a longer digest has a SHA-256 link besides, for other servers. It is one referrer, not two.
        digests.sort_by_key(Digest::is_canonical);
        let mut aliased = HashSet::new();
        for some in digests.chunks(MANIFEST_READS_MAX) {
            let manifests = try_join_all(some.iter().map(|digest| self.find_manifest(repository, digest))).await?;
            let mut entries = Vec::new();
            for stored in manifests.into_iter().flatten() {
                if !stored.digest.is_canonical() {
                    aliased.insert(Hasher::digest(Algorithm::CANONICAL, &stored.bytes));
                } else if aliased.contains(&stored.digest) {
                    continue;
                }
                entries.extend(Self::referrer_change(repository, &stored.digest, &stored.manifest));
            }
            if !entries.is_empty() {
                self.storage.commit(entries).await?;
            }
        }
        // A push that runs meanwhile writes its own entry, so nothing falls between the look and the mark.
        let options = WriteOptions { volatile: true, ..WriteOptions::default() };
        Ok(self.storage.put(&marker, Bytes::from_static(b"1"), options).await?)
    }
}

fn has_subject(stored: &StoredManifest, subject: &Digest) -> bool {
    stored.manifest.subject.as_ref().is_some_and(|found| found.digest == *subject)
}

/// The tag that clients keep a referrers list under where there is no API (distribution specification, "Referrers Tag
/// Schema"): the algorithm cut to 32 characters, the encoded part to 64.
fn fallback_tag(subject: &Digest) -> Option<Tag> {
    let (algorithm, hex): (Algorithm, &str) = (subject.algorithm(), subject.hex());
    format!("{algorithm}-{}", &hex[..hex.len().min(64)]).parse().ok()
}
