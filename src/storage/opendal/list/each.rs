//! Looking into many directories of a store. Its keys come in order, so what is in one directory follows what is in the one
//! before, and one answer may hold all that is in dozens of small ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Client, ENTRIES_MAX, Found, Listing};
use crate::storage::{LISTINGS_AT_ONCE, ListEntry, ListPage, ListRequest, ObjectMeta, Result, Shape, StorageKey};

/// An answer that holds fewer whole directories than this was not worth asking for: each has one of its own for that price.
const PAYS_MIN: usize = 2;

/// After an answer that was not worth it, the next directories are listed by themselves: one, and so many times more each time
/// again, since large ones seldom come alone.
const ALONE_GROWS: usize = 4;

/// [`crate::storage::Storage::list_each`].
pub(in crate::storage::opendal) async fn each(
    client: &Arc<Client>,
    prefixes: &[StorageKey],
    limit: usize,
) -> Result<Vec<ListPage>> {
    let limit = limit.max(1);
    let mut pages = vec![ListPage::default(); prefixes.len()];
    // As the store has them: `a-b/` comes before `a/`.
    let mut order: Vec<(usize, &StorageKey)> = prefixes.iter().enumerate().collect();
    order.sort_by_cached_key(|(_, prefix)| beneath(prefix.as_str()));
    let (mut rest, mut alone) = (order.as_slice(), 1);
    while !rest.is_empty() {
        let before = rest.len();
        if let Some(answer) = Answer::of(client, rest).await? {
            while let Some(((at, prefix), behind)) = rest.split_first()
                && let Some(page) = answer.children(prefix, limit)
            {
                (pages[*at], rest) = (page, behind);
            }
        }
        if before - rest.len() >= PAYS_MIN {
            alone = 1;
            continue;
        }
        let (now, behind) = rest.split_at(alone.min(rest.len()));
        for ((at, _), page) in now.iter().zip(one_by_one(client, now, limit).await?) {
            pages[*at] = page;
        }
        (rest, alone) = (behind, (alone * ALONE_GROWS).min(LISTINGS_AT_ONCE));
    }
    Ok(pages)
}

async fn one_by_one(client: &Arc<Client>, prefixes: &[(usize, &StorageKey)], limit: usize) -> Result<Vec<ListPage>> {
    let children = |prefix: StorageKey| ListRequest { prefix, after: None, limit, shape: Shape::Children };
    let requests: Vec<_> = prefixes.iter().map(|(_, prefix)| children((*prefix).clone())).collect();
    let pages = stream::iter(requests).map(|request| async move { super::page(client, &request).await });
    pages.buffered(LISTINGS_AT_ONCE).try_collect().await
}

/// What every key beneath a prefix begins with.
fn beneath(prefix: &str) -> String {
    format!("{prefix}/")
}

/// All keys from one place on, as far as one answer of the store went.
struct Answer {
    /// Beneath which prefix.
    parent: StorageKey,
    /// The keys, relative to it.
    found: Found,
    /// The last of them, after which there may be more; `None` when there is not.
    last: Option<String>,
}

impl Answer {
    /// The keys from the first of several prefixes on. `None` where the store can't be asked so, or there is nothing to be won.
    async fn of(client: &Arc<Client>, prefixes: &[(usize, &StorageKey)]) -> Result<Option<Self>> {
        let can = client.operator.info().capability();
        let in_order = can.list_with_recursive && can.list_with_start_after && can.list_with_limit;
        let ([(_, first), .., (_, last)], true, true) = (prefixes, in_order, client.quirks.lists_sizes) else {
            return Ok(None);
        };
        let Some(parent) = common_parent(first, last) else { return Ok(None) };
        let after = first.as_str().get(parent.as_str().len() + 1..).map(beneath);
        let request = ListRequest { prefix: parent, after, limit: ENTRIES_MAX - 1, shape: Shape::Subtree };
        let mut listing = Listing::open(client, &request, true).await?;
        let (mut found, mut last) = (Found::new(), String::new());
        while let Some((name, meta)) = listing.next().await? {
            last = last.max(if meta.is_none() { beneath(&name) } else { name.clone() });
            found.insert(name, meta);
            if listing.at_page_end() {
                return Ok(Some(Self { parent: request.prefix, found, last: Some(last) }));
            }
        }
        Ok(Some(Self { parent: request.prefix, found, last: None }))
    }

    /// The first names beneath a prefix at or behind the one that was asked from, if all its keys are here.
    fn children(&self, prefix: &StorageKey, limit: usize) -> Option<ListPage> {
        let beneath = beneath(prefix.as_str().get(self.parent.as_str().len() + 1..)?);
        let reaches = |last: &String| *last > beneath && !last.starts_with(&beneath);
        if !self.last.as_ref().is_none_or(reaches) {
            return None;
        }
        let mut names: BTreeMap<&str, Option<ObjectMeta>> = BTreeMap::new();
        let keys =
            self.found.range(beneath.clone()..).map_while(|(key, meta)| Some((key.strip_prefix(&beneath)?, *meta)));
        for (key, meta) in keys {
            let (name, meta) = key.split_once('/').map_or((key, meta), |(name, _)| (name, None));
            // An object and a prefix of one name are one entry, an object.
            let place = names.entry(name).or_insert(meta);
            *place = place.or(meta);
        }
        names.retain(|name, _| prefix.join(name).is_ok());
        let more = names.len() > limit;
        let entry = |(name, object): (&str, _)| ListEntry { name: name.to_owned(), object };
        Some(ListPage { entries: names.into_iter().take(limit).map(entry).collect(), more })
    }
}

/// The prefix above both of these, and so above all that come between them.
fn common_parent(first: &StorageKey, last: &StorageKey) -> Option<StorageKey> {
    let (first, last) = (first.as_str(), last.as_str());
    let alike = first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
    let end = first.as_bytes()[..alike].iter().rposition(|byte| *byte == b'/')?;
    StorageKey::parse(&first[..end]).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> StorageKey {
        StorageKey::parse(text).unwrap()
    }

    #[test]
    fn what_is_above_two_keys() {
        for (first, last, parent) in [
            ("r/a", "r/b", Some("r")),
            ("r/a-b", "r/a", Some("r")),
            ("r/a", "r/a/b", Some("r")),
            ("r/x/a", "r/xy/a", Some("r")),
            ("r/a", "r/a", Some("r")),
            ("a", "b", None),
            ("a", "a/b", None),
        ] {
            assert_eq!(common_parent(&key(first), &key(last)), parent.map(key), "{first} {last}");
        }
    }

    proptest! {
        /// Wherever an answer ends, what it says of a directory is all that the directory holds, and it says so whenever
        /// its keys and one behind them are there.
        #[test]
        fn an_answer_tells_only_of_what_it_holds_whole(
            keys in prop::collection::btree_set("[ab.-]{1,3}(/[ab.-]{1,3}){1,2}", 1..40),
            cut in 1..40_usize,
            limit in 1..4_usize,
        ) {
            let good = |key: &String| key.split('/').all(|part| part != "." && part != "..");
            let keys: BTreeSet<String> = keys.into_iter().filter(good).collect();
            let held: Vec<&String> = keys.iter().take(cut).collect();
            let meta = ObjectMeta { size: 1, modified: None };
            let answer = Answer {
                parent: key("r"),
                found: held.iter().map(|key| ((*key).clone(), Some(meta))).collect(),
                last: (held.len() < keys.len()).then(|| held[held.len() - 1].clone()),
            };
            let prefixes: BTreeSet<&str> = keys.iter().filter_map(|key| Some(key.split_once('/')?.0)).collect();
            for prefix in prefixes {
                let beneath = beneath(prefix);
                let inside = keys.iter().filter(|key| key.starts_with(&beneath)).count();
                let behind = keys.iter().filter(|key| **key > beneath && !key.starts_with(&beneath)).count();
                let before = keys.len() - inside - behind;
                let whole = held.len() == keys.len() || held.len() > before + inside;
                let page = answer.children(&key(&format!("r/{prefix}")), limit);
                prop_assert_eq!(page.is_some(), whole, "{} of {:?}", prefix, held);
                let Some(page) = page else { continue };
                let names: BTreeSet<&str> = keys.iter().filter_map(|key| key.strip_prefix(&beneath)?.split('/').next()).collect();
                let told: Vec<&str> = page.entries.iter().map(|entry| entry.name.as_str()).collect();
                prop_assert_eq!(told, names.iter().copied().take(limit).collect::<Vec<_>>());
                prop_assert_eq!(page.more, names.len() > limit);
            }
        }
    }
}
