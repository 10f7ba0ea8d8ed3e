//! Listing at any depth, in byte order of the whole keys: a directory stands where its name with a slash behind it would.

use std::sync::Arc;

use super::names::Names;
use super::{Lister, nothing_there};
use crate::storage::{ListEntry, ListPage, ListRequest, Result, StorageKey};

pub(super) fn page(lister: &Lister, request: &ListRequest) -> Result<ListPage> {
    let mut walk = Walk { lister, request, limit: request.limit.max(1), page: ListPage::default() };
    walk.directory(&request.prefix, request.after.as_deref())?;
    Ok(walk.page)
}

struct Walk<'a> {
    lister: &'a Lister,
    request: &'a ListRequest,
    limit: usize,
    page: ListPage,
}

impl Walk<'_> {
    /// Adds what is beneath `path` and behind `after`, which is relative to it. Goes no deeper than a key is long.
    fn directory(&mut self, path: &StorageKey, after: Option<&str>) -> Result<()> {
        let names = match self.lister.names(path.as_str()) {
            Ok(names) => names,
            Err(errno) => return nothing_there(errno, path),
        };
        for at in in_key_order(&names, after) {
            let Ok(key) = path.join(names.name(at)) else { continue };
            if names.is_directory(at) {
                let inner = after.and_then(|after| after.strip_prefix(names.name(at))?.strip_prefix('/'));
                self.directory(&key, inner)?;
            } else {
                self.object(&key)?;
            }
            if self.page.more {
                break;
            }
        }
        Ok(())
    }

    fn object(&mut self, key: &StorageKey) -> Result<()> {
        match self.lister.disk.stat(key) {
            Ok(_) if self.page.entries.len() == self.limit => self.page.more = true,
            Ok(meta) => {
                let name = key.as_str()[self.request.prefix.as_str().len() + 1..].to_owned();
                self.page.entries.push(ListEntry { name, object: Some(meta) });
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The names that have something behind `after` in them.
fn in_key_order(names: &Arc<Names>, after: Option<&str>) -> Vec<usize> {
    let part = |at: usize| (names.name(at).as_bytes(), if names.is_directory(at) { &b"/"[..] } else { b"" });
    let key = |at: usize| {
        let (name, slash) = part(at);
        name.iter().chain(slash)
    };
    let behind = |at: &usize| {
        let Some(after) = after else { return true };
        let inside = names.is_directory(*at)
            && after.strip_prefix(names.name(*at)).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
        inside || key(*at).gt(after.as_bytes())
    };
    let mut order: Vec<usize> = (0..names.len()).filter(behind).collect();
    order.sort_by(|a, b| key(*a).cmp(key(*b)));
    order
}
