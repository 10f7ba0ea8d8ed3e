//! Removing what is left of a repository: what made deleted manifests known, and what is left when nothing is.

use std::collections::HashSet;

use super::Result;
use crate::oci::{Digest, RepositoryName};
use crate::registry::Registry;
use crate::registry::pages::Pages;
use crate::registry::repositories::FoundRepository;
use crate::storage::{ListRequest, Shape, StorageKey, layout};

/// To find what lies beneath a prefix and to delete it takes two requests; from so many manifests on, listing all of a
/// repository's takes fewer.
const ONE_BY_ONE_MAX: usize = if cfg!(test) { 1 } else { 8 };

/// Removes everything about the manifests that go by `gone`: their links, and in old data the signatures of schema 1.
pub(super) async fn delete_revisions(
    registry: &Registry,
    repository: &RepositoryName,
    gone: &HashSet<&Digest>,
) -> Result<()> {
    let storage = &registry.storage;
    if gone.len() <= ONE_BY_ONE_MAX || !storage.capabilities().remote {
        for name in gone {
            storage.delete_prefix(&layout::revision(repository, name)).await?;
        }
        return Ok(());
    }
    let revisions = layout::revisions(repository);
    let mut pages = Pages::subtree(storage.as_ref(), revisions.clone());
    while let Some(page) = pages.next().await? {
        let of_gone = page.iter().filter(|entry| revision_of(&entry.name).is_some_and(|name| gone.contains(&name)));
        let keys: Vec<StorageKey> = of_gone.filter_map(|entry| revisions.join(&entry.name).ok()).collect();
        storage.delete(&keys).await?;
    }
    Ok(())
}

/// The manifest that something below `revisions` belongs to: `<alg>/<hex>/…`.
fn revision_of(path: &str) -> Option<Digest> {
    let (algorithm, rest) = path.split_once('/')?;
    let (hex, _) = rest.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// Removes what is left of a repository that has neither manifests nor layers: the empty directories that keep it in the
/// catalog, and the mark that its referrers were looked through.
pub(super) async fn prune(registry: &Registry, repository: &RepositoryName, found: &FoundRepository) -> Result<()> {
    // Where keys are all there is, nothing empty can be left.
    let directories = !registry.storage.capabilities().remote;
    if !directories && !found.referrers {
        return Ok(());
    }
    let manifests = is_empty(registry, layout::manifests(repository)).await?;
    let layers = is_empty(registry, layout::layers(repository)).await?;
    let storage = &registry.storage;
    if manifests && layers && found.referrers {
        storage.delete_prefix(&layout::all_referrers(repository)).await?;
    }
    if !directories {
        return Ok(());
    }
    if manifests && found.manifests {
        storage.delete_prefix(&layout::manifests(repository)).await?;
    }
    if layers && found.layers {
        storage.delete_prefix(&layout::layers(repository)).await?;
    }
    if found.uploads && is_empty(registry, layout::uploads(repository)).await? {
        storage.delete_prefix(&layout::uploads(repository)).await?;
    }
    Ok(())
}

async fn is_empty(registry: &Registry, prefix: StorageKey) -> Result<bool> {
    let request = ListRequest { prefix, after: None, limit: 1, shape: Shape::Subtree };
    Ok(registry.storage.list(&request).await?.entries.is_empty())
}
