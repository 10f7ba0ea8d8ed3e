//! Where the tags of a repository lead, and where they led before.

use std::collections::HashMap;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::revisions::Revisions;
use super::{Collection, GcWarning, Result};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::registry::Registry;
use crate::registry::key::Sha256Key;
use crate::registry::pages::{Pages, linked_digest};
use crate::storage::{ListEntry, OptionalExt, layout};

/// How many tags are read at once.
const TAG_READS_MAX: usize = 16;

/// Where a tag leads.
enum Target {
    /// To this digest.
    Digest(Digest),
    /// Nowhere: a push was cut off before the tag was there.
    Absent,
    /// It is there, but holds no digest.
    Unreadable(Tag),
}

/// Every manifest that a tag points at. A tag that can't be read may point at any manifest of its history.
pub(super) async fn tagged(
    collection: &mut Collection<'_>,
    repository: &RepositoryName,
    revisions: &Revisions,
) -> Result<Vec<Sha256Key>> {
    let registry = collection.registry;
    let mut keys = Vec::new();
    let mut pages = Pages::children(registry.storage.as_ref(), layout::tags(repository));
    while let Some(page) = pages.next().await? {
        // What is no tag can't be asked for, so it leads nowhere.
        let tags = page.into_iter().filter_map(|entry| entry.name.parse::<Tag>().ok());
        let targets = futures_util::stream::iter(tags).map(|tag| target(registry, repository, tag));
        let targets: Vec<Target> = targets.buffered(TAG_READS_MAX).try_collect().await?;
        for target in targets {
            match target {
                Target::Digest(digest) => keys.extend(revisions.find(&digest)),
                Target::Absent => {}
                Target::Unreadable(tag) => {
                    keys.extend(history_of(registry, repository, &tag, revisions).await?);
                    collection.warn(repository, GcWarning::TagUnreadable(tag));
                }
            }
        }
    }
    Ok(keys)
}

async fn target(registry: &Registry, repository: &RepositoryName, tag: Tag) -> Result<Target> {
    let key = layout::tag_link(repository, &tag);
    if let Some(digest) = registry.read_link(&key).await? {
        return Ok(Target::Digest(digest));
    }
    let present = registry.storage.stat(&key).await.optional()?.is_some();
    Ok(if present { Target::Unreadable(tag) } else { Target::Absent })
}

async fn history_of(
    registry: &Registry,
    repository: &RepositoryName,
    tag: &Tag,
    revisions: &Revisions,
) -> Result<Vec<Sha256Key>> {
    let mut keys = Vec::new();
    let mut pages = Pages::subtree(registry.storage.as_ref(), layout::tag_index(repository, tag));
    while let Some(page) = pages.next().await? {
        let digests = page.iter().filter_map(|entry| linked_digest(&entry.name));
        keys.extend(digests.filter_map(|digest| revisions.find(&digest)));
    }
    Ok(keys)
}

/// The tags that once pointed at each of `wanted`, by walking all histories of the repository once.
pub(super) async fn histories(
    registry: &Registry,
    repository: &RepositoryName,
    revisions: &Revisions,
    wanted: &[Sha256Key],
) -> Result<HashMap<Sha256Key, Vec<Tag>>> {
    let mut histories: HashMap<Sha256Key, Vec<Tag>> = wanted.iter().map(|key| (*key, Vec::new())).collect();
    let mut pages = Pages::subtree(registry.storage.as_ref(), layout::tags(repository));
    while let Some(page) = pages.next().await? {
        for (tag, digest) in page.iter().filter_map(history_entry) {
            let Some(tags) = revisions.find(&digest).and_then(|key| histories.get_mut(&key)) else { continue };
            if tags.last() != Some(&tag) {
                tags.push(tag);
            }
        }
    }
    Ok(histories)
}

fn history_entry(entry: &ListEntry) -> Option<(Tag, Digest)> {
    let (tag, rest) = entry.name.split_once('/')?;
    Some((tag.parse().ok()?, linked_digest(rest.strip_prefix("index/")?)?))
}
