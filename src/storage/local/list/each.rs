//! Listing many directories at once. A walk through a registry looks into thousands that have not changed since the last one:
//! each then costs one `stat`, relative to the directory above it, and no thread but one waits for the disk.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::names::{Names, Stamp};
use super::{Children, Lister, children_page, nothing_there};
use crate::storage::file::blocking;
use crate::storage::local::entry::parent;
use crate::storage::{ListPage, Result, StorageKey};

/// [`crate::storage::Storage::list_each`].
pub(in crate::storage::local) async fn each(
    lister: &Arc<Lister>,
    prefixes: Vec<StorageKey>,
    limit: usize,
) -> Result<Vec<ListPage>> {
    let Some(first) = prefixes.first().cloned() else { return Ok(Vec::new()) };
    let lister = Arc::clone(lister);
    blocking("list", &first, move || {
        let mut looker = Looker { lister: &lister, above: None };
        prefixes.iter().map(|prefix| looker.page(prefix, limit)).collect()
    })
    .await
}

struct Looker<'a> {
    lister: &'a Lister,
    /// The directory above the last prefix: most often also that of the next.
    above: Option<(String, OwnedFd)>,
}

impl Looker<'_> {
    fn page(&mut self, prefix: &StorageKey, limit: usize) -> Result<ListPage> {
        match self.names(prefix.as_str()) {
            Ok(names) => {
                let children = Children { prefix, after: None, limit };
                let page = children_page(&names, children, |key| Some(self.lister.disk.stat(key)));
                page.unwrap_or_else(|| Ok(ListPage::default()))
            }
            Err(errno) => nothing_there(errno, prefix).map(|()| ListPage::default()),
        }
    }

    fn names(&mut self, path: &str) -> rustix::io::Result<Arc<Names>> {
        if let Some(remembered) = self.lister.remembered.get(path)
            && remembered.stamp == self.stamp(path)?
        {
            return Ok(remembered.names);
        }
        self.lister.names(path)
    }

    /// What the directory's stamp is now. Symbolic links are followed, as everywhere.
    fn stamp(&mut self, path: &str) -> rustix::io::Result<Stamp> {
        let above = parent(path);
        let opened = match self.above.take() {
            Some((opened, dir)) if opened == above => (opened, dir),
            _ => (above.to_owned(), self.lister.disk.look_at_directory(if above.is_empty() { "." } else { above })?),
        };
        let (_, dir) = self.above.insert(opened);
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let stat = rustix::fs::statat(&*dir, name, AtFlags::empty())?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Stamp::from_stat(&stat)),
            _ => Err(Errno::NOTDIR),
        }
    }
}
