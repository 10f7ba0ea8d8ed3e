//! Listing a sorted map.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::object::Object;
use crate::storage::{ListEntry, ListPage, ListRequest, Shape};

type Objects = BTreeMap<String, Object>;

/// What lies beneath `start`, which ends with a slash.
pub(super) fn beneath<'a>(
    objects: &'a Objects,
    start: &str,
) -> impl Iterator<Item = (&'a String, &'a Object)> + use<'a> {
    let start = start.to_owned();
    let range = objects.range::<str, _>((Bound::Included(&*start), Bound::Unbounded));
    range.take_while(move |(key, _)| key.starts_with(&start))
}

pub(super) fn page(objects: &Objects, request: &ListRequest) -> ListPage {
    let limit = request.limit.max(1);
    let mut entries = match request.shape {
        Shape::Subtree => subtree(objects, request, limit + 1),
        Shape::Children => children(objects, request, limit + 1),
    };
    let more = entries.len() > limit;
    entries.truncate(limit);
    ListPage { entries, more }
}

fn subtree(objects: &Objects, request: &ListRequest, limit: usize) -> Vec<ListEntry> {
    let start = format!("{}/", request.prefix);
    let from = format!("{start}{}", request.after.as_deref().unwrap_or_default());
    let found = objects.range::<str, _>((Bound::Excluded(&*from), Bound::Unbounded));
    found
        .take_while(|(key, _)| key.starts_with(&start))
        .take(limit)
        .map(|(key, object)| ListEntry { name: key[start.len()..].to_owned(), object: Some(object.meta()) })
        .collect()
}

/// In byte order of the names, which differs from that of the keys where one name begins with another: `v1-rc/…` comes before
/// `v1/…`, but `v1` before `v1-rc`. So before a name is taken, those it begins with are looked for.
fn children(objects: &Objects, request: &ListRequest, limit: usize) -> Vec<ListEntry> {
    let start = format!("{}/", request.prefix);
    let mut last = request.after.clone();
    let mut entries: Vec<ListEntry> = Vec::new();
    let mut from = format!("{start}{}", last.as_deref().unwrap_or_default());
    while entries.len() < limit {
        let mut range = objects.range::<str, _>((Bound::Included(&*from), Bound::Unbounded));
        let Some((key, object)) = range.next().filter(|(key, _)| key.starts_with(&start)) else { break };
        let rest = &key[start.len()..];
        let (name, meta) = match rest.split_once('/') {
            Some((name, _)) => (name, None),
            None => (rest, Some(object.meta())),
        };
        // The next key that is not beneath this name: '0' follows '/' in ASCII, and NUL is in no key.
        from = format!("{start}{name}{}", if meta.is_some() { '\0' } else { '0' });
        for shorter in prefixes_sorted_behind(name) {
            if last.as_deref().is_none_or(|last| shorter > last)
                && beneath(objects, &format!("{start}{shorter}/")).next().is_some()
            {
                entries.push(ListEntry { name: shorter.to_owned(), object: None });
                last = Some(shorter.to_owned());
            }
        }
        if last.as_deref().is_none_or(|last| name > last) {
            entries.push(ListEntry { name: name.to_owned(), object: meta });
            last = Some(name.to_owned());
        }
    }
    entries.truncate(limit);
    entries
}

/// The beginnings of `name` that would, as directories, stand behind it in the order of keys.
fn prefixes_sorted_behind(name: &str) -> impl Iterator<Item = &str> {
    name.bytes().enumerate().skip(1).filter(|(_, byte)| *byte < b'/').map(|(at, _)| &name[..at])
}
