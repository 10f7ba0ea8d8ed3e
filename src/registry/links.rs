//! Links: tiny objects that hold a digest. They are what makes a repository own a blob, a manifest or a tag.

use bytes::Bytes;

use super::descriptors::DescriptorKey;
use super::{Registry, Result};
use crate::oci::Digest;
use crate::storage::{Change, ErrorKind, OptionalExt, StorageKey, layout};

impl Registry {
    /// The digest that a link holds; `None` when there is no link.
    ///
    /// A link that holds no digest counts as none: older servers wrote links in place, so a crash could leave an empty one,
    /// and treating it as absent lets the next push mend it.
    pub(super) async fn read_link(&self, key: &StorageKey) -> Result<Option<Digest>> {
        let content = match self.storage.get(key, layout::LINK_BYTES_MAX).await.optional() {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::TooLarge => Bytes::new(),
            Err(error) => return Err(error.into()),
        };
        let digest = std::str::from_utf8(&content).ok().and_then(|text| text.parse().ok());
        if digest.is_none() {
            tracing::warn!(
                key = key.as_str(),
                "a link holds no digest: it counts as absent until something is pushed over it"
            );
        }
        Ok(digest)
    }

    /// What is to be written so that `key` links to `digest`; nothing when it does already, unless writing is as cheap as
    /// finding that out.
    pub(super) async fn link_change(&self, key: StorageKey, digest: &Digest) -> Result<Option<Change>> {
        if !self.storage.capabilities().remote && self.read_link(&key).await?.as_ref() == Some(digest) {
            return Ok(None);
        }
        Ok(Some(put_link(key, digest)))
    }

    /// Deletes links, and forgets what they made known: before, so that who is cut off in between leaves nothing behind that is
    /// remembered and not there, and after, because somebody may have asked meanwhile.
    pub(super) async fn delete_links(&self, links: &[StorageKey], known: &[DescriptorKey]) -> Result<()> {
        self.descriptors.remove(known).await;
        let deleted = self.storage.delete(links).await;
        self.descriptors.remove(known).await;
        Ok(deleted?)
    }
}

/// Writes a link.
pub(super) fn put_link(key: StorageKey, digest: &Digest) -> Change {
    Change::Put { key, content: Bytes::copy_from_slice(digest.as_str().as_bytes()) }
}
