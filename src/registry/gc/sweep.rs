//! Deleting what was not marked, from the top downwards.

use std::collections::{HashMap, HashSet};

use super::prune::{delete_revisions, prune};
use super::{Candidate, Candidates, Collection, GcEvent, GcOutcome, Result};
use crate::oci::{Algorithm, Digest, RepositoryName, Tag};
use crate::registry::Registry;
use crate::registry::descriptors::DescriptorKey;
use crate::registry::key::Sha256Key;
use crate::registry::pages::{PAGE, Pages, linked_digest};
use crate::registry::repositories::RepositoryWalk;
use crate::storage::{ListEntry, OptionalExt, StorageKey, layout};

/// The blobs that nothing needs, in order. They are listed once and remembered: what is deleted in the end is exactly what was
/// reported, and a blob that arrives meanwhile is not among them.
#[derive(Default)]
struct Garbage {
    keys: Vec<Sha256Key>,
    bytes: u64,
}

impl Collection<'_> {
    /// Reports what is not needed, and deletes it unless this is a dry run.
    pub(super) async fn sweep(&mut self, candidates: Vec<Candidates>) -> Result<GcOutcome> {
        let garbage = self.garbage().await?;
        let manifests = self.report_candidates(&candidates);
        let (marked, blobs) = (self.marked.len() as u64, garbage.keys.len() as u64);
        (self.report)(GcEvent::Marked { marked, blobs, manifests });
        for key in &garbage.keys {
            (self.report)(GcEvent::BlobEligible(&key.digest()));
        }
        if !self.options.dry_run {
            for Candidates { repository, manifests } in candidates {
                self.delete_manifests(&repository, &manifests).await?;
            }
        }
        let layer_links = self.sweep_repositories(&garbage).await?;
        if !self.options.dry_run {
            self.delete_blobs(&garbage).await?;
        }
        Ok(GcOutcome { marked, blobs, bytes: garbage.bytes, manifests, layer_links })
    }

    async fn garbage(&self) -> Result<Garbage> {
        let mut garbage = Garbage::default();
        // Other algorithms have no directory: data lies under its canonical digest only.
        let mut pages = Pages::subtree(self.registry.storage.as_ref(), layout::blobs(Algorithm::CANONICAL));
        while let Some(page) = pages.next().await? {
            for entry in &page {
                let Some(key) = blob_key(entry) else { continue };
                if !self.marked.contains(&key) && !self.is_young(entry.object.as_ref()) {
                    garbage.keys.push(key);
                    garbage.bytes += entry.object.map_or(0, |object| object.size);
                }
            }
        }
        Ok(garbage)
    }

    fn report_candidates(&mut self, candidates: &[Candidates]) -> u64 {
        let mut count = 0;
        for Candidates { repository, manifests } in candidates {
            for Candidate { key, history } in manifests {
                let digest = key.digest();
                (self.report)(GcEvent::ManifestEligible { repository, digest: &digest, tags: history });
                count += 1;
            }
        }
        count
    }

    /// Deletes manifests from a repository: the traces in tags first, the links that make them known last.
    async fn delete_manifests(&self, repository: &RepositoryName, manifests: &[Candidate]) -> Result<()> {
        let storage = &self.registry.storage;
        let histories: HashMap<Sha256Key, &[Tag]> =
            manifests.iter().map(|candidate| (candidate.key, candidate.history.as_slice())).collect();
        let mut names = self.aliases_of(repository, &histories).await?;
        names.extend(histories.keys().map(|key| (*key, key.digest())));
        let mut traces = Vec::new();
        for (key, name) in &names {
            let history = histories.get(key).copied().unwrap_or_default();
            traces.extend(history.iter().map(|tag| layout::tag_index_link(repository, tag, name)));
        }
        for batch in traces.chunks(PAGE) {
            storage.delete(batch).await?;
        }
        let gone: HashSet<&Digest> = names.iter().map(|(_, name)| name).collect();
        delete_referrers(self.registry, repository, &gone).await?;
        let known: Vec<_> = names.iter().map(|(_, name)| DescriptorKey::manifest(repository, name)).collect();
        self.registry.descriptors.remove(&known).await;
        delete_revisions(self.registry, repository, &gone).await?;
        for name in gone {
            tracing::info!(repository = repository.as_str(), digest = name.as_str(), "deleted an untagged manifest");
        }
        self.registry.descriptors.remove(&known).await;
        Ok(())
    }

    /// The digests of other algorithms that manifests go by.
    async fn aliases_of(
        &self,
        repository: &RepositoryName,
        keys: &HashMap<Sha256Key, &[Tag]>,
    ) -> Result<Vec<(Sha256Key, Digest)>> {
        let mut aliases = Vec::new();
        for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
            let prefix = layout::revisions_by(repository, algorithm);
            let mut pages = Pages::children(self.registry.storage.as_ref(), prefix);
            while let Some(page) = pages.next().await? {
                for entry in page {
                    let Ok(alias) = format!("{algorithm}:{}", entry.name).parse::<Digest>() else { continue };
                    let link = self.registry.read_link(&layout::revision_link(repository, &alias)).await?;
                    let key = link.as_ref().and_then(Sha256Key::of).filter(|key| keys.contains_key(key));
                    aliases.extend(key.map(|key| (key, alias)));
                }
            }
        }
        Ok(aliases)
    }

    /// Deletes, in every repository, the links to blobs that are about to go, and what deleted manifests have left behind.
    async fn sweep_repositories(&mut self, garbage: &Garbage) -> Result<u64> {
        let registry = self.registry;
        let mut walk = RepositoryWalk::new(registry.storage.as_ref());
        let mut layer_links = 0;
        while let Some(found) = walk.next().await? {
            let Some(repository) = found.name() else { continue };
            if found.layers {
                layer_links += self.sweep_layer_links(&repository, garbage).await?;
            }
            if self.options.dry_run {
                continue;
            }
            if found.referrers {
                delete_referrers(registry, &repository, &HashSet::new()).await?;
            }
            prune(registry, &repository, &found).await?;
        }
        Ok(layer_links)
    }

    async fn sweep_layer_links(&mut self, repository: &RepositoryName, garbage: &Garbage) -> Result<u64> {
        let storage = &self.registry.storage;
        let mut pages = Pages::subtree(storage.as_ref(), layout::layers(repository));
        let mut count = 0;
        while let Some(page) = pages.next().await? {
            let (mut eligible, mut known) = (Vec::new(), Vec::new());
            for entry in &page {
                let Some(digest) = linked_digest(&entry.name) else { continue };
                let Some(key) = self.linked_blob(repository, &digest).await? else { continue };
                if !self.is_needless(key, entry, garbage).await? {
                    continue;
                }
                (self.report)(GcEvent::LayerLinkEligible { repository, digest: &digest });
                eligible.push(layout::layer_link(repository, &digest));
                known.push(DescriptorKey::blob(repository, &digest));
            }
            count += eligible.len() as u64;
            if !self.options.dry_run {
                self.registry.delete_links(&eligible, &known).await?;
            }
        }
        Ok(count)
    }

    /// Whether a link leads to a blob that goes, or to one that has gone already. What arrives meanwhile is neither.
    async fn is_needless(&self, key: Sha256Key, link: &ListEntry, garbage: &Garbage) -> Result<bool> {
        if self.marked.contains(&key) {
            return Ok(false);
        }
        if garbage.keys.binary_search(&key).is_ok() {
            return Ok(true);
        }
        let blob = layout::blob_data(&key.digest());
        Ok(!self.is_young(link.object.as_ref()) && self.registry.storage.stat(&blob).await.optional()?.is_none())
    }

    async fn delete_blobs(&self, garbage: &Garbage) -> Result<()> {
        for batch in garbage.keys.chunks(PAGE) {
            let keys: Vec<StorageKey> = batch.iter().map(|key| layout::blob_data(&key.digest())).collect();
            self.registry.storage.delete(&keys).await?;
            tracing::info!(blobs = batch.len(), "deleted blobs");
        }
        Ok(())
    }
}

/// The blob whose bytes an entry below `blobs/sha256` is: `<xx>/<hex>/data`.
fn blob_key(entry: &ListEntry) -> Option<Sha256Key> {
    let (_, hex) = entry.name.strip_suffix("/data")?.split_once('/')?;
    Sha256Key::of(&format!("{}:{hex}", Algorithm::CANONICAL).parse().ok()?)
}

/// Deletes the entries of a repository's referrers indexes whose manifest is among `gone`, or no longer known.
async fn delete_referrers(registry: &Registry, repository: &RepositoryName, gone: &HashSet<&Digest>) -> Result<()> {
    let storage = &registry.storage;
    let index = layout::all_referrers(repository);
    let mut pages = Pages::subtree(storage.as_ref(), index);
    while let Some(page) = pages.next().await? {
        let mut stale = Vec::new();
        for (subject, referrer) in page.iter().filter_map(referrers_entry) {
            let known = layout::revision_link(repository, &referrer);
            if gone.contains(&referrer) || storage.stat(&known).await.optional()?.is_none() {
                stale.push(layout::referrer_link(repository, &subject, &referrer));
            }
        }
        storage.delete(&stale).await?;
    }
    Ok(())
}

/// Subject and referrer of an entry: `<alg>/<hex>/<alg>/<hex>/link`.
fn referrers_entry(entry: &ListEntry) -> Option<(Digest, Digest)> {
    let (algorithm, rest) = entry.name.split_once('/')?;
    let (hex, rest) = rest.split_once('/')?;
    Some((format!("{algorithm}:{hex}").parse().ok()?, linked_digest(rest)?))
}
