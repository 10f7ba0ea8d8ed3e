//! The catalog: every repository, found by walking the layout.

use super::walk::Walk;
use super::{Registry, Result};
use crate::oci::RepositoryName;
use crate::storage::{ListRequest, Shape, layout};

/// A page of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogPage {
    /// The repositories, component by component in byte order, a parent before its children.
    pub repositories: Vec<RepositoryName>,
    /// Whether there is at least one more behind the last one.
    pub more: bool,
}

impl Registry {
    /// Up to `limit` repositories (at least 1) that come after `last`, which need not exist. A repository is listed as long
    /// as it has manifests or tags.
    ///
    /// Costs two listings for every directory between `last` and the end of the page, whatever the size of the registry.
    pub async fn catalog(&self, last: Option<&str>, limit: usize) -> Result<CatalogPage> {
        let mut page = CatalogPage::default();
        let mut walk = Walk::after(self, last);
        while let Some(repository) = walk.next().await? {
            if !self.has_manifests(&repository).await? {
                continue;
            }
            if page.repositories.len() == limit {
                page.more = true;
                break;
            }
            page.repositories.push(repository);
        }
        Ok(page)
    }

    async fn has_manifests(&self, repository: &RepositoryName) -> Result<bool> {
        let request = ListRequest {
            prefix: layout::repository(repository),
            after: Some(layout::LAYERS.to_owned()),
            limit: 1,
            shape: Shape::Children,
        };
        let page = self.storage.list(&request).await?;
        Ok(page.entries.first().is_some_and(|entry| entry.name == layout::MANIFESTS))
    }
}
