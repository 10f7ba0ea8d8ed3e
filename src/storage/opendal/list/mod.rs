//! Listing. Stores list keys in order, a page after the other; what comes otherwise is collected and sorted here.

mod each;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::opendal::{Entry, EntryMode, Lister, options};
use futures_util::StreamExt;

pub(super) use each::each;

use super::client::{Client, object_meta};
use crate::storage::{ListEntry, ListPage, ListRequest, ObjectMeta, Result, Shape, StorageKey};

pub(super) async fn page(client: &Arc<Client>, request: &ListRequest) -> Result<ListPage> {
    let limit = request.limit.max(1);
    let mut entries = match request.shape {
        Shape::Children => children(client, request, limit + 1).await?,
        Shape::Subtree => subtree(client, request, limit + 1).await?,
    };
    let more = entries.len() > limit;
    entries.truncate(limit);
    Ok(ListPage { entries, more })
}

/// What a listing gave: `None` for a prefix.
type Found = BTreeMap<String, Option<ObjectMeta>>;

/// So many names are looked for by themselves; if there are more, reading on is cheaper.
const DOUBTS_MAX: usize = 4;
/// As many as S3 and OSS give in one answer.
const ENTRIES_MAX: usize = 1000;

/// By names. Stores list by keys, where `v1-rc/` comes before `v1/`; so a name that is the beginning of another one may come
/// late. Those few are looked for by themselves, and nothing behind the page is read.
async fn children(client: &Arc<Client>, request: &ListRequest, limit: usize) -> Result<Vec<ListEntry>> {
    let mut found = first_names(client, request, limit).await?;
    let mut entries = Vec::with_capacity(limit.min(found.len()));
    while let Some((name, meta)) = found.pop_first()
        && entries.len() < limit
    {
        let Ok(key) = request.prefix.join(&name) else { continue };
        match meta {
            None if client.quirks.directories && !holds_something(client, &key).await? => {}
            meta => entries.extend(complete(client, name, &key, meta).await?),
        }
    }
    Ok(entries)
}

/// The first `limit` names, and perhaps more.
async fn first_names(client: &Arc<Client>, request: &ListRequest, limit: usize) -> Result<Found> {
    let in_order = !client.quirks.directories && client.operator.info().capability().list_with_start_after;
    let after = request.after.as_deref();
    let mut lister = Listing::open(client, request, false).await?;
    let (mut found, mut last) = (Found::new(), String::new());
    while let Some((name, meta)) = lister.next().await? {
        last = last.max(if meta.is_none() { format!("{name}/") } else { name.clone() });
        if name.is_empty() || after.is_some_and(|after| name.as_str() <= after) {
            continue;
        }
        // An object and a prefix of one name are one entry, an object.
        let place = found.entry(name).or_insert(meta);
        *place = place.or(meta);
        // In an answer, prefixes stand before objects, whatever their names.
        if !in_order || found.len() < limit || !lister.at_page_end() {
            continue;
        }
        let doubtful = doubtful(&found, last.trim_end_matches('/'), after, limit);
        if doubtful.len() > DOUBTS_MAX {
            continue;
        }
        for name in doubtful {
            let Ok(key) = request.prefix.join(&name) else { continue };
            if holds_something(client, &key).await? {
                found.insert(name, None);
            }
        }
        break;
    }
    Ok(found)
}

/// The names that may belong to the first `limit` and come behind `last` all the same, when keys are read in order: those that
/// `last` goes on from with a character before the slash.
fn doubtful(found: &Found, last: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let Some((end, _)) = found.iter().nth(limit - 1) else { return Vec::new() };
    let cuts = last.char_indices().filter(|(at, letter)| *at > 0 && *letter < '/');
    cuts.map(|(at, _)| &last[..at])
        .filter(|name| after.is_none_or(|after| *name > after) && *name < end.as_str() && !found.contains_key(*name))
        .map(str::to_owned)
        .collect()
}

async fn subtree(client: &Arc<Client>, request: &ListRequest, limit: usize) -> Result<Vec<ListEntry>> {
    let can = client.operator.info().capability();
    let in_order = can.list_with_recursive && can.list_with_start_after;
    let mut lister = Listing::open(client, request, true).await?;
    let mut found = Found::new();
    while let Some((name, meta)) = lister.next().await? {
        let behind = request.after.as_deref().is_none_or(|after| name.as_str() > after);
        if behind && meta.is_some() && !name.is_empty() {
            found.insert(name, meta);
            if in_order && found.len() == limit {
                break;
            }
            // Without order every key has to be seen, but only the first ones need be kept.
            if found.len() > limit {
                found.pop_last();
            }
        }
    }
    let mut entries = Vec::with_capacity(found.len());
    for (name, meta) in found {
        let Ok(key) = request.prefix.join(&name) else { continue };
        entries.extend(complete(client, name, &key, meta).await?);
    }
    Ok(entries)
}

/// An entry with its size. What has been deleted since is none.
async fn complete(
    client: &Arc<Client>,
    name: String,
    key: &StorageKey,
    meta: Option<ObjectMeta>,
) -> Result<Option<ListEntry>> {
    if meta.is_none() || client.quirks.lists_sizes {
        return Ok(Some(ListEntry { name, object: meta }));
    }
    match client.stat("list", key).await {
        Ok(meta) => Ok(Some(ListEntry { name, object: Some(meta) })),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is an object anywhere beneath a directory.
async fn holds_something(client: &Arc<Client>, key: &StorageKey) -> Result<bool> {
    let request = ListRequest { prefix: key.clone(), after: None, limit: 1, shape: Shape::Subtree };
    let mut lister = Listing::open(client, &request, true).await?;
    while let Some((_, meta)) = lister.next().await? {
        if meta.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A listing under way, with names relative to its prefix.
struct Listing<'a> {
    client: &'a Client,
    prefix: &'a StorageKey,
    lister: Lister,
    skip: usize,
    /// How many entries were asked for at a time, where that can be told, and how many have come.
    asked: Option<usize>,
    come: usize,
}

impl<'a> Listing<'a> {
    async fn open(client: &'a Client, request: &'a ListRequest, recursive: bool) -> Result<Self> {
        let path = format!("{}/", client.path("list", &request.prefix)?);
        let can = client.operator.info().capability();
        let after = request.after.as_deref().filter(|_| can.list_with_start_after);
        let start_after = after.map(|after| format!("{path}{after}"));
        // One more tells whether there is more; and among names, another one may be the one to begin behind.
        let beyond = if recursive { 1 } else { 2 };
        let asked = can.list_with_limit.then(|| request.limit.clamp(1, ENTRIES_MAX - beyond) + beyond);
        let options =
            || options::ListOptions { recursive, start_after: start_after.clone(), limit: asked, ..Default::default() };
        let lister = client.retry("list", &request.prefix, || client.operator.lister_options(&path, options())).await?;
        Ok(Self { client, prefix: &request.prefix, lister, skip: path.len(), asked, come: 0 })
    }

    async fn next(&mut self) -> Result<Option<(String, Option<ObjectMeta>)>> {
        let entry = self.client.call("list", self.prefix, async { self.lister.next().await.transpose() }).await;
        self.come += 1;
        Ok(match entry {
            Ok(entry) => entry.map(|entry| self.relative(&entry)),
            // A directory may go while it is walked.
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        })
    }

    /// Whether everything that one answer held has been seen. A store may answer with less than it was asked for; then this is
    /// not known, and reading on harms nothing.
    fn at_page_end(&self) -> bool {
        self.asked.is_some_and(|asked| self.come.is_multiple_of(asked))
    }

    fn relative(&self, entry: &Entry) -> (String, Option<ObjectMeta>) {
        let name = entry.path().get(self.skip..).unwrap_or_default();
        let is_prefix = entry.metadata().mode() == EntryMode::DIR || name.ends_with('/');
        (name.trim_end_matches('/').to_owned(), (!is_prefix).then(|| object_meta(entry.metadata())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the keys lie, what is read until a page is full, and what is looked for by itself, holds the page.
        #[test]
        fn no_name_of_a_page_is_missed(
            names in prop::collection::btree_set("[a.0-]{1,6}", 1..60),
            after in prop::option::of("[a.0-]{1,6}"),
            limit in 1..10_usize,
        ) {
            let keys: BTreeSet<String> = names.iter().map(|name| format!("{name}/")).collect();
            let from = after.clone().unwrap_or_default();
            let mut found = Found::new();
            for key in keys.iter().filter(|key| **key > from) {
                let name = key.trim_end_matches('/');
                if name <= from.as_str() {
                    continue;
                }
                found.insert(name.to_owned(), None);
                if found.len() >= limit {
                    let doubtful = doubtful(&found, name, after.as_deref(), limit);
                    found.extend(doubtful.into_iter().filter(|name| names.contains(name)).map(|name| (name, None)));
                    break;
                }
            }
            let page: Vec<&String> = found.keys().take(limit).collect();
            let expected: Vec<&String> = names.iter().filter(|name| **name > from).take(limit).collect();
            prop_assert_eq!(page, expected);
        }
    }
}
