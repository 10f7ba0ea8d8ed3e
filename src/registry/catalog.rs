//! The catalog: every repository, found by walking the layout.

use super::{Registry, Result};
use crate::oci::RepositoryName;
use crate::storage::{ListRequest, Shape, StorageKey, layout};

/// How many names are listed at a time.
const LIST_PAGE: usize = 1000;

/// A page of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogPage {
    /// The repositories, component by component in byte order, a parent before its children.
    pub repositories: Vec<RepositoryName>,
    /// Whether there is at least one more behind the last one.
    pub more: bool,
}

/// One directory that the walk is in.
struct Level {
    /// The path below `repositories/`; empty at the top.
    path: String,
    /// Where the listing goes on; `None` from the start.
    after: Option<String>,
    /// Names already listed, the next one last.
    pending: Vec<String>,
    /// Whether the storage has more names to list.
    more: bool,
}

impl Level {
    fn new(path: String, after: Option<String>) -> Self {
        Self { path, after, pending: Vec::new(), more: true }
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}

impl Registry {
    /// Up to `limit` repositories (at least 1) that come after `last`, which need not exist. A repository is listed as long
    /// as it has manifests or tags.
    ///
    /// Costs one listing for every directory between `last` and the end of the page, whatever the size of the registry.
    pub async fn catalog(&self, last: Option<&str>, limit: usize) -> Result<CatalogPage> {
        let mut page = CatalogPage::default();
        let mut stack = resume(last);
        while let Some(level) = stack.last_mut() {
            let Some(name) = self.next_name(level).await? else {
                stack.pop();
                continue;
            };
            let path = level.child(&name);
            if name == layout::MANIFESTS {
                // Seen when its parent was entered.
                continue;
            }
            if name.starts_with('_') {
                continue;
            }
            // Names that are no repository names are somebody else's files.
            let Ok(repository) = path.parse::<RepositoryName>() else { continue };
            if self.has_manifests(&repository).await? {
                if page.repositories.len() == limit {
                    page.more = true;
                    break;
                }
                page.repositories.push(repository);
            }
            stack.push(Level::new(path, None));
        }
        Ok(page)
    }

    /// The next name in a directory, listing more when what was listed is used up.
    async fn next_name(&self, level: &mut Level) -> Result<Option<String>> {
        while level.pending.is_empty() && level.more {
            let prefix = match level.path.as_str() {
                "" => layout::repositories(),
                path => StorageKey::trusted(format!("{}/{path}", layout::repositories())),
            };
            let request = ListRequest { prefix, after: level.after.take(), limit: LIST_PAGE, shape: Shape::Children };
            let listed = self.storage.list(&request).await?;
            level.more = listed.more;
            level.after = listed.entries.last().map(|entry| entry.name.clone());
            level.pending = listed.entries.into_iter().rev().filter(|e| e.object.is_none()).map(|e| e.name).collect();
        }
        Ok(level.pending.pop())
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

/// The directories that the walk stands in after it has reported `last`: each of its parents, behind the component that leads
/// to it, and below them `last` itself, whose children come next.
fn resume(last: Option<&str>) -> Vec<Level> {
    let mut stack = Vec::new();
    let mut path = String::new();
    let components =
        last.unwrap_or_default().split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..");
    for component in components.take(128) {
        let level = Level::new(path, Some(component.to_owned()));
        path = level.child(component);
        stack.push(level);
    }
    stack.push(Level::new(path, None));
    stack
}
