//! Children, made from listings of the subtree, for a component that lists only that.
//!
//! What lies beneath one child comes in a row, so all of it can be skipped at once. Names come in the order of keys, which
//! differs from their own where one begins with another: `v1-rc/…` comes before `v1/…`. So before a name is taken, those that it
//! begins with are looked for.

use std::collections::{HashMap, VecDeque};

use super::{ListPage, ListRequest, PAGE_ENTRIES_MAX, PluginStorage};
use crate::storage::{ListEntry, ObjectMeta, Result, Shape, StorageKey};

/// The last character there is: behind `name/` it stands behind nearly everything beneath `name`. What is still behind it is
/// skipped again.
const LAST: char = char::MAX;
/// The smallest page that is asked for: names with little beneath them are cheaper to look through than to skip.
const LOOK_ENTRIES: usize = 32;

pub(super) async fn page(storage: &PluginStorage, request: &ListRequest, limit: usize) -> Result<ListPage> {
    let mut walk = Walk {
        storage,
        prefix: &request.prefix,
        limit: limit.saturating_mul(2).clamp(LOOK_ENTRIES, PAGE_ENTRIES_MAX),
        after: request.after.clone(),
        ready: VecDeque::new(),
        more: true,
    };
    let mut prefixes = HashMap::new();
    let mut last = request.after.clone();
    let mut entries: Vec<ListEntry> = Vec::new();
    while entries.len() <= limit {
        let Some((name, object)) = walk.next_child().await? else { break };
        for shorter in sorted_behind(&name) {
            let is_behind = last.as_deref().is_none_or(|last| shorter > last);
            if is_behind && is_prefix(storage, &request.prefix, shorter, &mut prefixes).await? {
                entries.push(ListEntry { name: shorter.to_owned(), object: None });
                last = Some(shorter.to_owned());
            }
        }
        if last.as_deref().is_none_or(|last| name.as_str() > last) {
            last = Some(name.clone());
            entries.push(ListEntry { name, object });
        }
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    Ok(ListPage { entries, more })
}

/// The beginnings of `name` that would, as prefixes, stand behind it in the order of keys.
fn sorted_behind(name: &str) -> impl Iterator<Item = &str> {
    name.bytes().enumerate().skip(1).filter(|(_, byte)| *byte < b'/').map(|(at, _)| &name[..at])
}

/// Whether there is anything beneath a name. Asked once for each: `1.0.1`, `1.0.2`… all begin alike.
async fn is_prefix(
    storage: &PluginStorage,
    prefix: &StorageKey,
    name: &str,
    known: &mut HashMap<String, bool>,
) -> Result<bool> {
    if let Some(known) = known.get(name) {
        return Ok(*known);
    }
    let Ok(beneath) = prefix.join(name) else { return Ok(false) };
    let request = ListRequest { prefix: beneath, after: None, limit: 1, shape: Shape::Subtree };
    let found = !storage.subtree_page(&request).await?.entries.is_empty();
    known.insert(name.to_owned(), found);
    Ok(found)
}

/// Goes through a subtree from child to child.
struct Walk<'a> {
    storage: &'a PluginStorage,
    prefix: &'a StorageKey,
    /// How large the pages are.
    limit: usize,
    after: Option<String>,
    /// Of the last page, what was not looked at yet.
    ready: VecDeque<ListEntry>,
    /// Whether there may be more behind it.
    more: bool,
}

impl Walk<'_> {
    async fn next_child(&mut self) -> Result<Option<(String, Option<ObjectMeta>)>> {
        let Some(entry) = self.next().await? else { return Ok(None) };
        let Some((name, _)) = entry.name.split_once('/') else { return Ok(Some((entry.name, entry.object))) };
        let beneath = format!("{name}/");
        while self.ready.front().is_some_and(|entry| entry.name.starts_with(&beneath)) {
            self.ready.pop_front();
        }
        if self.ready.is_empty() && self.more {
            let behind = format!("{beneath}{LAST}");
            // Past that already: the child has names that begin with this character.
            let is_ahead = self.after.as_ref().is_none_or(|after| *after < behind);
            self.after = if is_ahead { Some(behind) } else { self.after.take() };
            self.skip(&beneath).await?;
        }
        Ok(Some((name.to_owned(), None)))
    }

    /// Leaves what lies beneath a child behind, as far as it is still to come.
    async fn skip(&mut self, beneath: &str) -> Result<()> {
        while self.ready.is_empty() && self.more {
            self.fill().await?;
            while self.ready.front().is_some_and(|entry| entry.name.starts_with(beneath)) {
                self.ready.pop_front();
            }
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<ListEntry>> {
        if self.ready.is_empty() && self.more {
            self.fill().await?;
        }
        Ok(self.ready.pop_front())
    }

    async fn fill(&mut self) -> Result<()> {
        let request = ListRequest {
            prefix: self.prefix.clone(),
            after: self.after.take(),
            limit: self.limit,
            shape: Shape::Subtree,
        };
        let page = self.storage.subtree_page(&request).await?;
        self.after = page.entries.last().map(|entry| entry.name.clone());
        self.more = page.more;
        self.ready.extend(page.entries);
        Ok(())
    }
}
