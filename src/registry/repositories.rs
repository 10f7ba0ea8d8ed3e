//! The walk over everything that is kept below `repositories/`: for the catalog, for mounts, and for upkeep, which must not
//! miss what the catalog leaves out.

use std::collections::HashMap;

use super::Result;
use crate::oci::RepositoryName;
use crate::storage::{ListPage, ListRequest, Shape, Storage, StorageKey, layout};

/// A directory that holds something of a repository, even if it has no manifest, or a name that no repository can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundRepository {
    /// Its path below `repositories/`, which is its name if it is a repository.
    pub path: String,
    /// Whether it has a directory of manifests and tags.
    pub manifests: bool,
    /// Whether it has a directory of layer links.
    pub layers: bool,
    /// Whether it has a directory of referrers indexes.
    pub referrers: bool,
    /// Whether it has a directory of uploads.
    pub uploads: bool,
}

impl FoundRepository {
    /// Its name, unless no repository can be called so.
    pub(super) fn name(&self) -> Option<RepositoryName> {
        self.path.parse().ok()
    }
}

/// How many names are listed, and how many directories looked into, at a time.
const AHEAD_MIN: usize = 8;
const AHEAD_MAX: usize = 256;

/// The walk: component by component in byte order, a parent before its children. Costs one or two listings per directory and
/// holds one page of names for every level that it is in.
pub(super) struct RepositoryWalk<'a> {
    storage: &'a dyn Storage,
    stack: Vec<Level>,
    /// How many names are listed, and directories looked into, at a time.
    ahead: usize,
    known: Known,
}

/// The first names in directories of a remote store that the walk has not come to. What is below several directories is looked
/// into together, before its turn: many at once cost such a store hardly more than one.
#[derive(Default)]
struct Known(HashMap<StorageKey, ListPage>);

/// One directory that the walk is in.
struct Level {
    /// The path below `repositories/`; empty at the top.
    path: String,
    /// Where the listing goes on; `None` from the start.
    after: Option<String>,
    /// Names already listed, the next one last.
    pending: Vec<String>,
    /// The ones before those, which have been looked into, with what is in them; the next one last.
    looks: Vec<(String, ListPage)>,
    /// Whether there are more names to list.
    more: bool,
}

impl<'a> RepositoryWalk<'a> {
    /// A walk over everything.
    pub(super) fn new(storage: &'a dyn Storage) -> Self {
        Self::after(storage, None, AHEAD_MAX)
    }

    /// A walk that begins behind `last`, which need not exist, and is expected to go on for about `steps` directories.
    pub(super) fn after(storage: &'a dyn Storage, last: Option<&str>, steps: usize) -> Self {
        Self {
            storage,
            stack: resume(last.unwrap_or_default()),
            ahead: steps.clamp(AHEAD_MIN, AHEAD_MAX),
            known: Known::default(),
        }
    }

    /// The next directory that holds something; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<FoundRepository>> {
        while let Some(level) = self.stack.last_mut() {
            if let Some((name, page)) = level.looks.pop() {
                let path = level.child(&name);
                if let Some(found) = self.enter(path, page).await? {
                    return Ok(Some(found));
                }
            } else if !level.pending.is_empty() {
                level.look(self.storage, self.ahead, &mut self.known).await?;
            } else if level.more {
                let (path, after) = (level.path.clone(), level.after.take());
                let page = self.list(&path, after, self.ahead).await?;
                if let Some(level) = self.stack.last_mut() {
                    level.fill(page);
                }
            } else {
                self.stack.pop();
            }
        }
        Ok(None)
    }

    /// Goes into a directory whose first names are known, and says what of a repository is in it.
    async fn enter(&mut self, path: String, page: ListPage) -> Result<Option<FoundRepository>> {
        // What belongs to the repository itself begins with '_', and '^' is the character before it.
        let own = if page.more { Some(self.list(&path, Some("^".to_owned()), AHEAD_MAX).await?) } else { None };
        let has = |name: &str| own.as_ref().unwrap_or(&page).entries.iter().any(|entry| entry.name == name);
        let found = FoundRepository {
            manifests: has(layout::MANIFESTS),
            layers: has(layout::LAYERS),
            referrers: has(layout::REFERRERS),
            uploads: has(layout::UPLOADS),
            path,
        };
        if page.more || deeper(&page).next().is_some() {
            let mut level = Level::new(found.path.clone(), None);
            level.fill(page);
            self.stack.push(level);
        }
        Ok((found.manifests || found.layers || found.referrers || found.uploads).then_some(found))
    }

    async fn list(&self, path: &str, after: Option<String>, limit: usize) -> Result<ListPage> {
        let Some(prefix) = prefix(path) else { return Ok(ListPage::default()) };
        Ok(self.storage.list(&ListRequest { prefix, after, limit, shape: Shape::Children }).await?)
    }
}

/// The key of a directory below `repositories/`; `None` if it is too long to be one.
fn prefix(path: &str) -> Option<StorageKey> {
    let repositories = layout::repositories();
    if path.is_empty() { Some(repositories) } else { repositories.join(path).ok() }
}

impl Level {
    fn new(path: String, after: Option<String>) -> Self {
        Self { path, after, pending: Vec::new(), looks: Vec::new(), more: true }
    }

    /// Looks into the next few directories.
    async fn look(&mut self, storage: &dyn Storage, ahead: usize, known: &mut Known) -> Result<()> {
        let next = self.pending.split_off(self.pending.len() - ahead.min(self.pending.len()));
        // What is too long for a key can't have been written either, so there is nothing in it.
        let Some(prefix) = prefix(&self.path) else { return Ok(()) };
        let keys = next.into_iter().rev().filter_map(|name| Some((prefix.join(&name).ok()?, name)));
        let (keys, names): (Vec<_>, Vec<_>) = keys.unzip();
        let pages = match storage.capabilities().remote {
            true => known.look(storage, keys, ahead).await?,
            false => storage.list_each(keys, ahead).await?,
        };
        self.looks = names.into_iter().zip(pages).collect();
        self.looks.reverse();
        Ok(())
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }

    fn fill(&mut self, page: ListPage) {
        self.more = page.more;
        self.after = page.entries.last().map(|entry| entry.name.clone());
        self.pending = deeper(&page).rev().map(str::to_owned).collect();
    }
}

impl Known {
    /// What is in these directories. Looks also into as many below them as the walk will soon come to.
    async fn look(&mut self, storage: &dyn Storage, keys: Vec<StorageKey>, ahead: usize) -> Result<Vec<ListPage>> {
        let mut room = ahead;
        let mut unknown: Vec<_> = keys.iter().filter(|key| !self.0.contains_key(*key)).cloned().collect();
        while !unknown.is_empty() {
            let pages = storage.list_each(unknown.clone(), ahead).await?;
            let each = unknown.iter().zip(&pages);
            let below = each.flat_map(|(key, page)| deeper(page).filter_map(|name| key.join(name).ok()));
            let below: Vec<_> = below.take(room).collect();
            room -= below.len();
            self.0.extend(unknown.into_iter().zip(pages));
            unknown = below;
        }
        Ok(keys.iter().map(|key| self.0.remove(key).unwrap_or_default()).collect())
    }
}

/// The names of directories in which there may be repositories.
fn deeper(page: &ListPage) -> impl DoubleEndedIterator<Item = &str> {
    let directories = page.entries.iter().filter(|entry| entry.object.is_none());
    directories.map(|entry| entry.name.as_str()).filter(|name| !name.starts_with('_'))
}

/// The directories that the walk stands in after it has reported `last`: each of its parents, behind the component that leads
/// to it, and below them `last` itself, whose children come next.
fn resume(last: &str) -> Vec<Level> {
    let mut stack = Vec::new();
    let mut path = String::new();
    for component in last.split('/').filter(|part| !part.is_empty()) {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::registry::tests::parts_only::PartsOnly;
    use crate::storage::WriteOptions;
    use crate::storage::memory::MemoryStorage;

    async fn filled() -> MemoryStorage {
        let storage = MemoryStorage::new();
        let keys = ["a/_layers/x", "a/b/_uploads/x", "Bad Name/_manifests/x", "file", "a-z/q/_referrers/x"];
        let many = (0..1100).map(|n| format!("many/n{n:04}/_manifests/x"));
        let deep = (0..300).map(|n| format!("o{}/p{}/q/n{n}/_manifests/x", n % 7, n % 3));
        let keys = keys.into_iter().map(str::to_owned).chain(many).chain(deep).chain(["many/_layers/x".to_owned()]);
        for key in keys {
            let key = layout::repositories().join(&key).unwrap();
            storage.put(&key, Bytes::new(), WriteOptions::default()).await.unwrap();
        }
        storage
    }

    async fn finds_what_the_catalog_leaves_out(storage: &dyn Storage) {
        let mut walk = RepositoryWalk::new(storage);
        let mut found = Vec::new();
        while let Some(next) = walk.next().await.unwrap() {
            found.push(next);
        }
        assert!(walk.known.0.is_empty(), "looked into and never used");
        let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).take(6).collect();
        assert_eq!(paths, ["Bad Name", "a", "a/b", "a-z/q", "many", "many/n0000"]);
        assert_eq!(found.len(), 5 + 1100 + 300);
        assert!(found[0].manifests && found[0].name().is_none());
        assert!(found[1].layers && !found[1].manifests);
        assert!(found[2].uploads && found[3].referrers);
        assert!(found[5 + 1100..].is_sorted_by_key(|found| found.path.replace('/', "\0")));

        // Wherever it begins, and however far it looks ahead, it goes the same way.
        found.retain(|found| found.name().is_some());
        for (steps, at) in [(1, 0), (2, 3), (9, 4), (500, 30), (20, 1100), (8, 1300)] {
            let mut walk = RepositoryWalk::after(storage, Some(&found[at].path), steps);
            for expected in found[at + 1..].iter().take(40) {
                assert_eq!(walk.next().await.unwrap().as_ref(), Some(expected), "{steps} {at}");
            }
        }
    }

    #[tokio::test]
    async fn finds_what_the_catalog_leaves_out_here() {
        finds_what_the_catalog_leaves_out(&filled().await).await;
    }

    #[tokio::test]
    async fn finds_what_the_catalog_leaves_out_far_away() {
        finds_what_the_catalog_leaves_out(&PartsOnly::new(filled().await)).await;
    }
}
