//! The catalog: every repository, found by walking the layout.

use super::repositories::RepositoryWalk;
use super::{Registry, Result};
use crate::oci::RepositoryName;

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
    /// Costs a look into every directory between `last` and the end of the page, whatever the size of the registry.
    pub async fn catalog(&self, last: Option<&str>, limit: usize) -> Result<CatalogPage> {
        let mut page = CatalogPage::default();
        let mut walk = RepositoryWalk::after(self.storage.as_ref(), last, limit + 1);
        while let Some(found) = walk.next().await? {
            let Some(repository) = found.name().filter(|_| found.manifests) else { continue };
            if page.repositories.len() == limit {
                page.more = true;
                break;
            }
            page.repositories.push(repository);
        }
        Ok(page)
    }
}
