//! The manifests of one repository, under every digest that they go by.

use std::collections::{BTreeMap, HashMap};

use super::{Collection, GcWarning, Result};
use crate::oci::{Digest, RepositoryName};
use crate::registry::key::Sha256Key;
use crate::registry::pages::{Pages, linked_digest};
use crate::storage::layout;

/// All of them: about 100 bytes each are held while the repository is looked at.
#[derive(Default)]
pub(super) struct Revisions {
    /// Whether each was written so lately that it is kept anyhow.
    young: BTreeMap<Sha256Key, bool>,
    /// The digests of other algorithms. Seldom any.
    aliases: HashMap<Digest, Sha256Key>,
}

impl Revisions {
    /// Lists them. A link under SHA-256 is not read: its path says what it holds, and one that is torn is kept so.
    pub(super) async fn load(collection: &mut Collection<'_>, repository: &RepositoryName) -> Result<Self> {
        let registry = collection.registry;
        let mut revisions = Self::default();
        let mut pages = Pages::subtree(registry.storage.as_ref(), layout::revisions(repository));
        while let Some(page) = pages.next().await? {
            for entry in page {
                let Some(digest) = linked_digest(&entry.name) else { continue };
                let young = collection.is_young(entry.object.as_ref());
                let key = match Sha256Key::of(&digest) {
                    Some(key) => key,
                    None => {
                        let link = registry.read_link(&layout::revision_link(repository, &digest)).await?;
                        let Some(key) = link.as_ref().and_then(Sha256Key::of) else {
                            collection.warn(repository, GcWarning::LinkUnreadable(digest));
                            continue;
                        };
                        revisions.aliases.insert(digest, key);
                        key
                    }
                };
                *revisions.young.entry(key).or_default() |= young;
            }
        }
        Ok(revisions)
    }

    /// The manifest that goes by `digest`, if the repository has it.
    pub(super) fn find(&self, digest: &Digest) -> Option<Sha256Key> {
        let key = Sha256Key::of(digest).or_else(|| self.aliases.get(digest).copied())?;
        self.young.contains_key(&key).then_some(key)
    }

    /// All of them, by digest.
    pub(super) fn keys(&self) -> impl Iterator<Item = Sha256Key> {
        self.young.keys().copied()
    }

    /// Those that were written lately.
    pub(super) fn young(&self) -> impl Iterator<Item = Sha256Key> {
        self.young.iter().filter(|(_, young)| **young).map(|(key, _)| *key)
    }
}
