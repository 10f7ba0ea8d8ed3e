//! Listing: names come from a directory's cached, sorted names where it has not changed, and from the directory otherwise.

mod each;
mod names;
mod subtree;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::disk::Disk;
use super::entry::meta_of;
use crate::storage::file::{blocking, reading};
use crate::storage::{ListEntry, ListPage, ListRequest, Result, Shape, StorageKey};
pub(super) use each::each;
use names::{Names, Stamp};

/// A directory that was changed less than this before it was read is not remembered: the next change could carry the same
/// time. Clocks of file systems tick every few milliseconds, those of old ones every one or two seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Lists directories, and remembers them.
pub(super) struct Lister {
    disk: Arc<Disk>,
    /// By path. Weighed by the number of names.
    remembered: moka::sync::Cache<String, Remembered>,
}

#[derive(Clone)]
struct Remembered {
    stamp: Stamp,
    names: Arc<Names>,
}

impl Lister {
    pub(super) fn new(disk: Arc<Disk>, names_max: usize) -> Self {
        let remembered = moka::sync::Cache::builder()
            .max_capacity(names_max as u64)
            // A directory costs something even without names.
            .weigher(|path: &String, listing: &Remembered| {
                u32::try_from(listing.names.len() + 4 + path.len() / 32).unwrap_or(u32::MAX)
            })
            .build();
        Self { disk, remembered }
    }

    #[cfg(test)]
    pub(super) fn remembers(&self, path: &str) -> bool {
        self.remembered.get(path).is_some()
    }

    /// The names of a directory, if they are remembered and the directory has not changed since, without waiting.
    fn names_cached(&self, path: &str) -> Option<rustix::io::Result<Arc<Names>>> {
        let dir = match self.disk.look_at_directory_cached(path)? {
            Ok(dir) => dir,
            Err(errno) => return Some(Err(errno)),
        };
        let stamp = Stamp::of(&dir).ok()?;
        let remembered = self.remembered.get(path).filter(|remembered| remembered.stamp == stamp)?;
        Some(Ok(remembered.names))
    }

    /// The names of a directory.
    fn names(&self, path: &str) -> rustix::io::Result<Arc<Names>> {
        let dir = self.disk.open_directory(path)?;
        let now = SystemTime::now();
        let stamp = Stamp::of(&dir)?;
        if let Some(remembered) = self.remembered.get(path).filter(|remembered| remembered.stamp == stamp) {
            return Ok(remembered.names);
        }
        let names = Arc::new(Names::read(&dir)?);
        if stamp.settled(now, SETTLED_AFTER) {
            self.remembered.insert(path.to_owned(), Remembered { stamp, names: Arc::clone(&names) });
        }
        Ok(names)
    }
}

/// [`crate::storage::Storage::list`].
pub(super) async fn page(lister: &Arc<Lister>, request: &ListRequest) -> Result<ListPage> {
    if request.shape == Shape::Children
        && let Some(answer) = children_cached(lister, request)
    {
        return answer;
    }
    let (lister, request) = (Arc::clone(lister), request.clone());
    blocking("list", &request.prefix.clone(), move || match request.shape {
        Shape::Children => children(&lister, &request),
        Shape::Subtree => subtree::page(&lister, &request),
    })
    .await
}

fn children_cached(lister: &Lister, request: &ListRequest) -> Option<Result<ListPage>> {
    let names = match lister.names_cached(request.prefix.as_str())? {
        Ok(names) => names,
        Err(errno) => return Some(nothing_there(errno, &request.prefix).map(|()| ListPage::default())),
    };
    children_page(&names, Children::of(request), |key| lister.disk.stat_cached(key))
}

fn children(lister: &Lister, request: &ListRequest) -> Result<ListPage> {
    match lister.names(request.prefix.as_str()) {
        Ok(names) => {
            let page = children_page(&names, Children::of(request), |key| Some(lister.disk.stat(key)));
            page.unwrap_or_else(|| Ok(ListPage::default()))
        }
        Err(errno) => nothing_there(errno, &request.prefix).map(|()| ListPage::default()),
    }
}

/// Whether an error means that the prefix holds nothing.
fn nothing_there(errno: Errno, prefix: &StorageKey) -> Result<()> {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Ok(()),
        _ => Err(reading(errno, "list", prefix)),
    }
}

/// Which of a directory's names are asked for.
#[derive(Clone, Copy)]
struct Children<'a> {
    prefix: &'a StorageKey,
    after: Option<&'a str>,
    limit: usize,
}

impl<'a> Children<'a> {
    fn of(request: &'a ListRequest) -> Self {
        Self { prefix: &request.prefix, after: request.after.as_deref(), limit: request.limit }
    }
}

/// A page of a directory's names. `None` when `stat` can't answer.
fn children_page(
    names: &Names,
    request: Children<'_>,
    stat: impl Fn(&StorageKey) -> Option<Result<crate::storage::ObjectMeta>>,
) -> Option<Result<ListPage>> {
    let limit = request.limit.max(1);
    let start = request.after.map_or(0, |after| names.first_after(after));
    let mut page = ListPage { entries: Vec::with_capacity(limit.min(names.len() - start)), more: false };
    for at in start..names.len() {
        if page.entries.len() == limit {
            page.more = true;
            break;
        }
        let name = names.name(at);
        let object = if names.is_directory(at) {
            None
        } else {
            // What has been deleted since is left out; and what is too long to be a key is none.
            let Ok(key) = request.prefix.join(name) else { continue };
            match stat(&key)? {
                Ok(meta) => Some(meta),
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Some(Err(error)),
            }
        };
        page.entries.push(ListEntry { name: name.to_owned(), object });
    }
    Some(Ok(page))
}
