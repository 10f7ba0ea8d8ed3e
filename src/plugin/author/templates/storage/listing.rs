//! Listings in key order, a page at a time.

use crate::bindings::exports::wharf::storage::backend::{Error, ListPage, ListRequest};
use crate::bindings::wharf::storage::types::ListEntry;
use crate::files;

/// One page of every object beneath a prefix, in byte order of the key. (`children` is asked only of backends that tell
/// `list-children`; the host makes it from this.)
pub fn page(request: &ListRequest) -> Result<ListPage, Error> {
    let limit = request.limit as usize;
    let folder = format!("{}.d", files::folder_of(&request.prefix));
    let mut after = request.after.clone().unwrap_or_default();
    loop {
        // One more than a page has room for tells whether there is more.
        let mut walk = Walk { folder: &folder, after: &after, wanted: limit + 1, names: Vec::new() };
        walk.descend("")?;
        let mut names = walk.names;
        let more = names.len() > limit;
        names.truncate(limit);
        let mut entries = Vec::with_capacity(names.len());
        for name in &names {
            match files::stat(&format!("{folder}/{}.o", name.replace('/', ".d/"))) {
                Ok(meta) => entries.push(ListEntry { name: name.clone(), object: Some(meta) }),
                // Deleted meanwhile.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        match names.pop() {
            // All of a page was deleted meanwhile, and an empty page would mean the end.
            Some(last) if more && entries.is_empty() => after = last,
            _ => return Ok(ListPage { entries, more }),
        }
    }
}

struct Walk<'a> {
    folder: &'a str,
    after: &'a str,
    wanted: usize,
    names: Vec<String>,
}

impl Walk<'_> {
    /// Gathers what lies beneath `prefix`, which is empty or ends with a slash.
    fn descend(&mut self, prefix: &str) -> Result<(), Error> {
        let folder = format!("{}/{}", self.folder, prefix.replace('/', ".d/"));
        let mut names: Vec<String> = files::names_in(folder.trim_end_matches('/'))?
            .into_iter()
            .filter_map(|file| match file.rsplit_once('.')? {
                (name, "o") => Some(format!("{prefix}{name}")),
                (name, "d") => Some(format!("{prefix}{name}/")),
                _ => None,
            })
            .collect();
        // With the slash, the names sort as the keys do.
        names.sort_unstable();
        for name in names {
            if self.names.len() >= self.wanted {
                break;
            }
            if name.ends_with('/') {
                // Nothing beneath a prefix that lies wholly before the place to begin.
                if name.as_str() > self.after || self.after.starts_with(&name) {
                    self.descend(&name)?;
                }
            } else if name.as_str() > self.after {
                self.names.push(name);
            }
        }
        Ok(())
    }
}
