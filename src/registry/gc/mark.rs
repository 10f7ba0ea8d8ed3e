//! Marking what one repository needs.

use std::collections::{BTreeMap, HashSet, VecDeque};

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::content::Content;
use super::revisions::Revisions;
use super::{Candidate, Collection, GcEvent, GcWarning, Result, tags};
use crate::oci::{Digest, RepositoryName};
use crate::registry::key::Sha256Key;
use crate::registry::pages::{Pages, linked_digest};
use crate::storage::layout;

/// How many manifests are read at once.
const LOADS_MAX: usize = 16;

/// The marking of one repository.
pub(super) struct Marker<'m, 'c> {
    collection: &'m mut Collection<'c>,
    repository: &'m RepositoryName,
    revisions: Revisions,
    /// The manifests found to be needed.
    kept: HashSet<Sha256Key>,
    /// Those of them that have not been looked at yet.
    queue: VecDeque<Sha256Key>,
    /// Manifests that are needed as soon as their subject is, by the subject.
    attached: BTreeMap<Sha256Key, Vec<Sha256Key>>,
    /// Whether everything in this repository is kept.
    held: bool,
}

impl<'m, 'c> Marker<'m, 'c> {
    /// Marks what `repository` needs; returns the manifests that it does not.
    pub(super) async fn mark(
        collection: &'m mut Collection<'c>,
        repository: &'m RepositoryName,
    ) -> Result<Vec<Candidate>> {
        let revisions = Revisions::load(collection, repository).await?;
        let (kept, queue, attached) = (HashSet::new(), VecDeque::new(), BTreeMap::new());
        let mut marker = Self { collection, repository, revisions, kept, queue, attached, held: false };
        if marker.collection.options.delete_untagged {
            let tagged = tags::tagged(marker.collection, repository, &marker.revisions).await?;
            marker.queue.extend(tagged);
            marker.queue.extend(marker.revisions.young());
        } else {
            marker.queue.extend(marker.revisions.keys());
        }
        marker.follow().await?;
        marker.look_at_the_rest().await?;
        if !marker.collection.options.grace.is_zero() {
            marker.mark_layer_links(false).await?;
        }
        marker.candidates().await
    }

    /// Looks at everything in the queue, and at what that leads to.
    async fn follow(&mut self) -> Result<()> {
        loop {
            let mut batch = Vec::new();
            while batch.len() < LOADS_MAX
                && let Some(key) = self.queue.pop_front()
            {
                if self.kept.insert(key) {
                    batch.push(key);
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
            for (key, content) in self.load(batch).await? {
                self.keep(key, content).await?;
                self.queue.extend(self.attached.remove(&key).into_iter().flatten());
            }
        }
    }

    async fn load(&self, keys: Vec<Sha256Key>) -> Result<Vec<(Sha256Key, Content)>> {
        let registry = self.collection.registry;
        let loads = keys.into_iter().map(|key| async move { Ok((key, Content::load(registry, key).await?)) });
        futures_util::stream::iter(loads).buffered(LOADS_MAX).try_collect().await
    }

    async fn keep(&mut self, key: Sha256Key, content: Content) -> Result<()> {
        let digest = key.digest();
        let (references, warning) = match content {
            Content::Known { references, .. } => (references, None),
            Content::Foreign { references, reason } => {
                (references, Some(GcWarning::ManifestForeign { digest: digest.clone(), reason }))
            }
            Content::Unreadable(reason) => {
                self.hold().await?;
                (Vec::new(), Some(GcWarning::ManifestUnreadable { digest: digest.clone(), reason }))
            }
            Content::Missing => {
                // There is nothing to keep, and nobody can say what it would need; a push of it brings all of that again.
                self.collection.warn(self.repository, GcWarning::ManifestMissing(digest));
                return Ok(());
            }
        };
        (self.collection.report)(GcEvent::Manifest { repository: self.repository, digest: &digest });
        self.collection.marked.insert(key);
        if let Some(warning) = warning {
            self.collection.warn(self.repository, warning);
        }
        for reference in references {
            self.mark_reference(&reference).await?;
        }
        Ok(())
    }

    /// Marks what a manifest refers to, and follows it if it is a manifest of this repository.
    async fn mark_reference(&mut self, reference: &Digest) -> Result<()> {
        let manifest = self.revisions.find(reference);
        let blob = self.collection.linked_blob(self.repository, reference).await?;
        for key in [manifest, blob].into_iter().flatten() {
            self.mark_blob(key);
        }
        self.queue.extend(manifest);
        Ok(())
    }

    fn mark_blob(&mut self, key: Sha256Key) {
        if self.collection.marked.insert(key) {
            (self.collection.report)(GcEvent::Blob { repository: self.repository, digest: &key.digest() });
        }
    }

    /// Keeps the whole repository, because nobody can say what in it is needed.
    async fn hold(&mut self) -> Result<()> {
        if self.held {
            return Ok(());
        }
        self.held = true;
        self.queue.extend(self.revisions.keys());
        self.mark_layer_links(true).await
    }

    /// Marks the blobs that the repository links: all of them, or those whose links are young.
    async fn mark_layer_links(&mut self, all: bool) -> Result<()> {
        let registry = self.collection.registry;
        let mut pages = Pages::subtree(registry.storage.as_ref(), layout::layers(self.repository));
        while let Some(page) = pages.next().await? {
            for entry in page {
                if !all && !self.collection.is_young(entry.object.as_ref()) {
                    continue;
                }
                let Some(digest) = linked_digest(&entry.name) else { continue };
                if let Some(key) = self.collection.linked_blob(self.repository, &digest).await? {
                    self.mark_blob(key);
                }
            }
        }
        Ok(())
    }

    /// Looks for manifests that are needed although no tag or index leads to them.
    async fn look_at_the_rest(&mut self) -> Result<()> {
        let rest: Vec<Sha256Key> = self.revisions.keys().filter(|key| !self.kept.contains(key)).collect();
        for batch in rest.chunks(LOADS_MAX) {
            for (key, content) in self.load(batch.to_vec()).await? {
                match content {
                    Content::Known { subject, .. } => {
                        if let Some(subject) = subject.and_then(|subject| self.revisions.find(&subject)) {
                            self.attached.entry(subject).or_default().push(key);
                        }
                    }
                    // It is not for us to say that these are not needed.
                    Content::Foreign { .. } | Content::Unreadable(_) => self.queue.push_back(key),
                    Content::Missing => {
                        self.collection.warn(self.repository, GcWarning::ManifestMissing(key.digest()));
                    }
                }
            }
        }
        let ready: Vec<Sha256Key> =
            self.attached.keys().filter(|subject| self.kept.contains(subject)).copied().collect();
        for subject in ready {
            self.queue.extend(self.attached.remove(&subject).into_iter().flatten());
        }
        self.follow().await
    }

    async fn candidates(self) -> Result<Vec<Candidate>> {
        let unneeded: Vec<Sha256Key> = self.revisions.keys().filter(|key| !self.kept.contains(key)).collect();
        if unneeded.is_empty() {
            return Ok(Vec::new());
        }
        let registry = self.collection.registry;
        let mut histories = tags::histories(registry, self.repository, &self.revisions, &unneeded).await?;
        let with_history = |key| Candidate { key, history: histories.remove(&key).unwrap_or_default() };
        Ok(unneeded.into_iter().map(with_history).collect())
    }
}
