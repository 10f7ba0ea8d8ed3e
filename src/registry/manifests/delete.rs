//! Deleting a manifest: the revision first, then every tag that points at it, so that nothing dangles for long.

use crate::oci::{Algorithm, Digest, Reference, RepositoryName, Tag};
use crate::registry::descriptors::DescriptorKey;
use crate::registry::pages::Pages;
use crate::registry::{Error, Registry, Result};
use crate::storage::{OptionalExt, layout};

impl Registry {
    /// Deletes a manifest and the tags that point at it, which it returns. The bytes stay until they are collected; so do the
    /// children of an index, which may belong to others too.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] when the repository does not have it.
    pub async fn delete_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<Vec<Tag>> {
        let link = self.read_link(&layout::revision_link(repository, digest)).await?;
        let reference = Reference::Digest(digest.clone());
        let canonical = link
            .ok_or_else(|| Error::ManifestUnknown { repository: repository.clone(), reference: reference.clone() })?;
        // One that can't be read any more can still be deleted; it then has no subject that we know of.
        let subject = match self.manifest(repository, &reference).await {
            Ok(stored) => stored.manifest.subject.clone(),
            Err(_) => None,
        };
        let names = self.names_of(repository, &canonical).await?;
        let mut keys: Vec<_> = names.iter().map(|name| layout::revision_link(repository, name)).collect();
        if let Some(subject) = subject {
            keys.extend(names.iter().map(|name| layout::referrer_link(repository, &subject.digest, name)));
        }
        let known: Vec<_> = names.iter().map(|name| DescriptorKey::manifest(repository, name)).collect();
        self.delete_links(&keys, &known).await?;
        let tags = self.tags_of(repository, &names).await?;
        for tag in &tags {
            self.storage.delete_prefix(&layout::tag(repository, tag)).await?;
        }
        Ok(tags)
    }

    /// The digests of `algorithm` under which a repository knows the manifest stored as `canonical`. Nearly always there are
    /// none, and one empty listing tells.
    pub(super) async fn aliases(
        &self,
        repository: &RepositoryName,
        canonical: &Digest,
        algorithm: Algorithm,
    ) -> Result<Vec<Digest>> {
        let mut aliases = Vec::new();
        let mut pages = Pages::children(self.storage.as_ref(), layout::revisions_by(repository, algorithm));
        while let Some(entries) = pages.next().await? {
            for entry in &entries {
                let Ok(alias) = format!("{algorithm}:{}", entry.name).parse::<Digest>() else { continue };
                if self.read_link(&layout::revision_link(repository, &alias)).await?.as_ref() == Some(canonical) {
                    aliases.push(alias);
                }
            }
        }
        Ok(aliases)
    }

    /// Whether a repository has a manifest, bytes and all. Its link is read in any case, as in [`Registry::has_blob`].
    pub async fn has_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        let link = self.read_link(&layout::revision_link(repository, digest)).await?;
        let Some(canonical) = link else { return Ok(false) };
        let known = self.descriptors.get(&DescriptorKey::manifest(repository, digest)).await;
        if known.is_some_and(|known| known.canonical == canonical) {
            return Ok(true);
        }
        Ok(self.storage.stat(&layout::blob_data(&canonical)).await.optional()?.is_some())
    }
}
