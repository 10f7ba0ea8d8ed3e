//! Listing whatever its length, a page at a time.

use super::Result;
use crate::oci::Digest;
use crate::storage::{ListEntry, ListRequest, Shape, Storage, StorageKey};

/// How many entries are listed at a time, and deleted at a time: with what tells whether there are more, one answer of a store
/// that gives 1000.
pub(super) const PAGE: usize = 998;

/// The pages of a listing. What is deleted behind it, or added, does not disturb it.
pub(super) struct Pages<'a> {
    storage: &'a dyn Storage,
    request: ListRequest,
    more: bool,
}

impl<'a> Pages<'a> {
    /// The names directly beneath `prefix`.
    pub(super) fn children(storage: &'a dyn Storage, prefix: StorageKey) -> Self {
        Self::new(storage, prefix, Shape::Children)
    }

    /// Every object beneath `prefix`.
    pub(super) fn subtree(storage: &'a dyn Storage, prefix: StorageKey) -> Self {
        Self::new(storage, prefix, Shape::Subtree)
    }

    fn new(storage: &'a dyn Storage, prefix: StorageKey, shape: Shape) -> Self {
        Self { storage, request: ListRequest { prefix, after: None, limit: PAGE, shape }, more: true }
    }

    /// The next page; `None` behind the last one. A page may be empty.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<ListEntry>>> {
        if !self.more {
            return Ok(None);
        }
        let page = self.storage.list(&self.request).await?;
        self.more = page.more;
        self.request.after = page.entries.last().map(|entry| entry.name.clone());
        Ok(Some(page.entries))
    }
}

/// The digest that the path of a link spells: `<alg>/<hex>/link`.
pub(super) fn linked_digest(path: &str) -> Option<Digest> {
    let (algorithm, hex) = path.strip_suffix("/link")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}
