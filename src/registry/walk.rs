//! The walk over every repository, which the catalog, mounts and upkeep share.
//!
//! Repositories nest, so the walk goes down the directories of the layout, component by component in byte order, a parent
//! before its children. It holds one page of names per level, whatever the size of the registry.

use super::{Registry, Result};
use crate::oci::RepositoryName;
use crate::storage::{ListRequest, Shape, StorageKey, layout};

/// How many names are listed at a time.
const LIST_PAGE: usize = 1000;
/// How many components a name can have: a component and its slash take two of its bytes.
const DEPTH_MAX: usize = crate::oci::name::NAME_BYTES_MAX / 2 + 1;

/// A walk under way. Every directory whose path is a repository name is visited; whether it is a repository, or only a parent
/// of some, is the caller's question.
pub struct Walk<'a> {
    registry: &'a Registry,
    levels: Vec<Level>,
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

    /// The next name in this directory, listing more when what was listed is used up.
    async fn next(&mut self, registry: &Registry) -> Result<Option<String>> {
        while self.pending.is_empty() && self.more {
            let prefix = match self.path.as_str() {
                "" => layout::repositories(),
                path => StorageKey::trusted(format!("{}/{path}", layout::repositories())),
            };
            let request = ListRequest { prefix, after: self.after.take(), limit: LIST_PAGE, shape: Shape::Children };
            let listed = registry.storage.list(&request).await?;
            self.more = listed.more;
            self.after = listed.entries.last().map(|entry| entry.name.clone());
            self.pending = listed.entries.into_iter().rev().filter(|e| e.object.is_none()).map(|e| e.name).collect();
        }
        Ok(self.pending.pop())
    }
}

impl<'a> Walk<'a> {
    /// A walk that begins behind `last`, which need not exist.
    pub fn after(registry: &'a Registry, last: Option<&str>) -> Self {
        Self { registry, levels: resume(last) }
    }

    /// The next name, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RepositoryName>> {
        while let Some(level) = self.levels.last_mut() {
            let Some(name) = level.next(self.registry).await? else {
                self.levels.pop();
                continue;
            };
            // What begins with '_' belongs to the repository itself; what is no name is somebody else's file.
            let Ok(repository) = level.child(&name).parse::<RepositoryName>() else { continue };
            self.levels.push(Level::new(repository.as_str().to_owned(), None));
            return Ok(Some(repository));
        }
        Ok(None)
    }
}

/// The directories that the walk stands in after it has reported `last`: each of its parents, behind the component that leads
/// to it, and below them `last` itself, whose children come next.
fn resume(last: Option<&str>) -> Vec<Level> {
    let mut stack = Vec::new();
    let mut path = String::new();
    let components =
        last.unwrap_or_default().split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..");
    for component in components.take(DEPTH_MAX) {
        let level = Level::new(path, Some(component.to_owned()));
        path = level.child(component);
        stack.push(level);
        // There is nothing below what is no name, and no key either: the client may have sent anything.
        if path.parse::<RepositoryName>().is_err() {
            return stack;
        }
    }
    stack.push(Level::new(path, None));
    stack
}
