//! Blobs: served only through a repository that links them.

use bytes::Bytes;

use super::descriptors::{CachedDescriptor, DescriptorKey, Ticket};
use super::links::put_link;
use super::repositories::RepositoryWalk;
use super::{Error, Registry, Result};
use crate::oci::{Digest, RepositoryName, media_type};
use crate::storage::{ByteRange, Change, OptionalExt, ReadStream, StorageKey, layout};

/// A blob that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The digest that its bytes are stored under.
    pub canonical: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Where a new blob's bytes are now.
pub(super) enum BlobSource {
    /// In memory: a small one.
    Bytes(Bytes),
    /// In storage, under keys that nobody else uses.
    Staged(Vec<StorageKey>),
}

impl Registry {
    /// Looks a blob up.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] when this repository does not link it, or when its bytes are gone.
    pub async fn stat_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Blob> {
        let linked = self.linked_blob(repository, digest).await?;
        let meta = self.storage.stat(&layout::blob_data(&linked.canonical)).await.optional()?;
        let size = self.seen_blob(&linked, meta.map(|meta| meta.size)).await;
        let size = size.ok_or_else(|| Error::BlobUnknown(digest.clone()))?;
        Ok(Blob { canonical: linked.canonical, size })
    }

    /// A blob's size, for whoever opens it next. What is remembered will do.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] as [`Registry::stat_blob`].
    pub async fn blob_size(&self, repository: &RepositoryName, digest: &Digest) -> Result<u64> {
        match self.descriptors.get(&DescriptorKey::blob(repository, digest)).await {
            Some(known) => Ok(known.size),
            None => Ok(self.stat_blob(repository, digest).await?.size),
        }
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] as [`Registry::stat_blob`]; a range that starts behind the end is a storage error.
    pub async fn read_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        range: ByteRange,
    ) -> Result<ReadStream> {
        let linked = self.linked_blob(repository, digest).await?;
        let stream = self.storage.read(&layout::blob_data(&linked.canonical), range).await.optional()?;
        self.seen_blob(&linked, stream.as_ref().map(|stream| stream.meta.size)).await;
        stream.ok_or_else(|| Error::BlobUnknown(digest.clone()))
    }

    /// A URL under which a client may read a blob from the storage itself for `seconds`, with the blob; `None` where the storage
    /// gives none, now or ever: then the bytes are read here.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] as [`Registry::stat_blob`].
    pub async fn blob_url(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        seconds: u64,
    ) -> Result<Option<(Blob, String)>> {
        if !self.storage.capabilities().presign {
            return Ok(None);
        }
        let blob = self.stat_blob(repository, digest).await?;
        match self.storage.url(&layout::blob_data(&blob.canonical), seconds).await {
            Ok(url) => Ok(url.map(|url| (blob, url))),
            Err(error) => {
                tracing::warn!(%error, "no URL could be signed for a client: the blob is sent by this server");
                Ok(None)
            }
        }
    }

    /// Takes a blob away from a repository. Its bytes stay until they are collected; other repositories keep it.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] when this repository does not link it.
    pub async fn delete_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<()> {
        let canonical = self.canonical_of(repository, digest).await?;
        let links = [layout::layer_link(repository, digest), layout::layer_link(repository, &canonical)];
        let known = [digest, &canonical].map(|digest| DescriptorKey::blob(repository, digest));
        self.delete_links(&links, &known).await
    }

    /// Gives `to` a blob that `from` has, without moving a byte. `None` when `from` does not have it.
    pub async fn mount_blob(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Blob>> {
        match self.stat_blob(from, digest).await {
            Ok(blob) => {
                let link = self.link_change(layout::layer_link(to, &blob.canonical), &blob.canonical).await?;
                self.commit_links(to, &blob, digest, link.into_iter().collect()).await?;
                Ok(Some(blob))
            }
            Err(Error::BlobUnknown(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Repositories that have a blob, at most `limit` of them, for a mount whose source the client does not name. Looks at no
    /// more than `looks_max` repositories, so on a large registry it may miss some.
    pub async fn repositories_with_blob(
        &self,
        digest: &Digest,
        limit: usize,
        looks_max: usize,
    ) -> Result<Vec<RepositoryName>> {
        let (mut found, mut looks) = (Vec::new(), 0);
        let mut walk = RepositoryWalk::new(self.storage.as_ref());
        while found.len() < limit && looks < looks_max {
            let Some(directory) = walk.next().await? else { break };
            looks += 1;
            let Some(repository) = directory.name().filter(|_| directory.layers) else { continue };
            if self.has_blob(&repository, digest).await? {
                found.push(repository);
            }
        }
        Ok(found)
    }

    /// Whether a repository has a blob, bytes and all. Its link is read in any case: who asks is about to rely on it. The bytes
    /// are there before a link to them and go after it, so that they were seen lately is enough.
    pub async fn has_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        let ticket = self.descriptors.ticket();
        let Some(canonical) = self.read_link(&layout::layer_link(repository, digest)).await? else { return Ok(false) };
        let key = DescriptorKey::blob(repository, digest);
        if self.descriptors.get(&key).await.is_some_and(|known| known.canonical == canonical) {
            return Ok(true);
        }
        let meta = self.storage.stat(&layout::blob_data(&canonical)).await.optional()?;
        let linked = LinkedBlob { key, canonical, known: false, ticket };
        Ok(self.seen_blob(&linked, meta.map(|meta| meta.size)).await.is_some())
    }

    /// Makes a new blob visible: its bytes first, then the links under which the repository serves it. `digest` is what the
    /// client calls it, `canonical` its SHA-256; both have been checked against the bytes.
    pub(super) async fn commit_blob(
        &self,
        repository: &RepositoryName,
        source: BlobSource,
        size: u64,
        canonical: &Digest,
        digest: &Digest,
    ) -> Result<()> {
        let key = layout::blob_data(canonical);
        let whole_in_one = matches!(&source, BlobSource::Bytes(_)) && self.storage.capabilities().remote;
        let present = async {
            // A request that may find that another one is not needed saves nothing.
            if whole_in_one { Ok(None) } else { Ok::<_, Error>(self.storage.stat(&key).await.optional()?) }
        };
        let link = self.link_change(layout::layer_link(repository, canonical), canonical);
        // New names are asked for on a thread that may block: both at once.
        let (present, link) = tokio::try_join!(present, link)?;
        let bytes = match source {
            // Bytes that are there already are kept, unless their length betrays a write that was cut short long ago.
            _ if present.is_some_and(|meta| meta.size == size) => None,
            BlobSource::Bytes(content) => Some(Change::Put { key, content }),
            BlobSource::Staged(parts) => Some(Change::Assemble { parts, key }),
        };
        let blob = Blob { canonical: canonical.clone(), size };
        self.commit_links(repository, &blob, digest, bytes.into_iter().chain(link).collect()).await
    }

    /// Applies `changes`, which link a blob to a repository under its canonical digest, and links it under the one that was
    /// asked for.
    async fn commit_links(
        &self,
        repository: &RepositoryName,
        blob: &Blob,
        digest: &Digest,
        mut changes: Vec<Change>,
    ) -> Result<()> {
        let (ticket, canonical) = (self.descriptors.ticket(), &blob.canonical);
        if digest != canonical {
            changes.push(put_link(layout::layer_link(repository, digest), canonical));
        }
        if !changes.is_empty() {
            self.storage.commit(changes).await?;
        }
        let names = [Some(canonical), (digest != canonical).then_some(digest)];
        for name in names.into_iter().flatten() {
            let key = DescriptorKey::blob(repository, name);
            self.descriptors.put(ticket, &key, &descriptor(canonical, blob.size)).await;
        }
        Ok(())
    }

    /// Where a repository's blob is stored, as it was lately or is now.
    async fn linked_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<LinkedBlob> {
        let (ticket, key) = (self.descriptors.ticket(), DescriptorKey::blob(repository, digest));
        if let Some(known) = self.descriptors.get(&key).await {
            return Ok(LinkedBlob { key, canonical: known.canonical, known: true, ticket });
        }
        let canonical = self.canonical_of(repository, digest).await?;
        Ok(LinkedBlob { key, canonical, known: false, ticket })
    }

    /// Remembers what the storage has just said of a blob's bytes: their size, or that they are gone. Says it, too.
    async fn seen_blob(&self, linked: &LinkedBlob, size: Option<u64>) -> Option<u64> {
        match size {
            Some(size) if !linked.known => {
                self.descriptors.put(linked.ticket, &linked.key, &descriptor(&linked.canonical, size)).await;
            }
            None if linked.known => self.descriptors.remove(std::slice::from_ref(&linked.key)).await,
            _ => {}
        }
        size
    }

    /// The digest that a repository's blob is stored under.
    async fn canonical_of(&self, repository: &RepositoryName, digest: &Digest) -> Result<Digest> {
        let link = self.read_link(&layout::layer_link(repository, digest)).await?;
        link.ok_or_else(|| Error::BlobUnknown(digest.clone()))
    }
}

/// A blob that a repository links.
struct LinkedBlob {
    key: DescriptorKey,
    canonical: Digest,
    /// Whether that was remembered.
    known: bool,
    ticket: Ticket,
}

fn descriptor(canonical: &Digest, size: u64) -> CachedDescriptor {
    CachedDescriptor { canonical: canonical.clone(), size, media_type: media_type::OCTET_STREAM.to_owned() }
}
