//! Listing. Stores list keys in order, a page after the other; what comes otherwise is collected and sorted here.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::opendal::{Entry, EntryMode, Lister, options};
use futures_util::StreamExt;

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

/// By names, in which order no store lists: `v1-rc/` comes before `v1/` there. So all of them are collected.
async fn children(client: &Arc<Client>, request: &ListRequest, limit: usize) -> Result<Vec<ListEntry>> {
    let mut lister = Listing::open(client, request, false).await?;
    let mut found = Found::new();
    while let Some((name, meta)) = lister.next().await? {
        let behind = request.after.as_deref().is_none_or(|after| name.as_str() > after);
        if behind && !name.is_empty() {
            // An object and a prefix of one name are one entry, an object.
            let place = found.entry(name).or_insert(meta);
            *place = place.or(meta);
        }
    }
    let mut entries = Vec::with_capacity(limit.min(found.len()));
    for (name, meta) in found {
        if entries.len() == limit {
            break;
        }
        let Ok(key) = request.prefix.join(&name) else { continue };
        match meta {
            None if client.quirks.directories && !holds_something(client, &key).await? => {}
            meta => entries.extend(complete(client, name, &key, meta).await?),
        }
    }
    Ok(entries)
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
}

impl<'a> Listing<'a> {
    async fn open(client: &'a Client, request: &'a ListRequest, recursive: bool) -> Result<Self> {
        let path = format!("{}/", client.path("list", &request.prefix)?);
        let can = client.operator.info().capability();
        let after = request.after.as_deref().filter(|_| can.list_with_start_after);
        let start_after = after.map(|after| format!("{path}{after}"));
        let options = || options::ListOptions {
            recursive,
            start_after: start_after.clone(),
            limit: can.list_with_limit.then(|| request.limit.clamp(1, 999) + 1),
            ..Default::default()
        };
        let lister = client.retry("list", &request.prefix, || client.operator.lister_options(&path, options())).await?;
        Ok(Self { client, prefix: &request.prefix, lister, skip: path.len() })
    }

    async fn next(&mut self) -> Result<Option<(String, Option<ObjectMeta>)>> {
        let entry = self.client.call("list", self.prefix, async { self.lister.next().await.transpose() }).await;
        Ok(match entry {
            Ok(entry) => entry.map(|entry| self.relative(&entry)),
            // A directory may go while it is walked.
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        })
    }

    fn relative(&self, entry: &Entry) -> (String, Option<ObjectMeta>) {
        let name = entry.path().get(self.skip..).unwrap_or_default();
        let is_prefix = entry.metadata().mode() == EntryMode::DIR || name.ends_with('/');
        (name.trim_end_matches('/').to_owned(), (!is_prefix).then(|| object_meta(entry.metadata())))
    }
}
