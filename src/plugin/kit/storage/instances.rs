//! What only components can do wrong: they run in many instances, each of which may go at any time.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::super::report::{Report, Verdict};
use crate::plugin::storage::PluginStorage;
use crate::storage::{ListRequest, OptionalExt, Shape, Storage, StorageError, StorageKey, WriteOptions};

/// How many transfers are under way at once in the case about that.
const TRANSFERS: u8 = 8;
/// How many pieces each of them has, and how many bytes a piece.
const PIECES: usize = 5;
const PIECE_BYTES: usize = 300_000;

/// What was seen, when it is not what the contract says.
struct Seen(String);

impl From<StorageError> for Seen {
    fn from(error: StorageError) -> Self {
        Self(error.to_string())
    }
}

/// In `warm` instances are used again, in `fresh` each call has one of its own.
pub(super) async fn run(
    warm: &Arc<PluginStorage>,
    fresh: &Arc<PluginStorage>,
    prefix: &StorageKey,
    report: &mut Report,
) {
    let start = Instant::now();
    let seen = across(fresh, prefix).await;
    add(report, "what one instance has written, every other one sees at its next call", seen, start);
    let start = Instant::now();
    let seen = lost(warm, prefix).await;
    add(report, "a writer that is lost with its instance leaves nothing under its key", seen, start);
    let start = Instant::now();
    let seen = mixed(warm, prefix).await;
    add(report, "transfers in several instances at once do not mix", seen, start);
    if let Err(error) = warm.delete_prefix(prefix).await {
        tracing::warn!(%error, "the kit could not clean up behind itself");
    }
}

fn add(report: &mut Report, contract: &str, seen: Result<(), Seen>, start: Instant) {
    let verdict = seen.map_or_else(|Seen(seen)| Verdict::Failed(seen), |()| Verdict::Passed);
    report.add(contract, verdict, start.elapsed());
}

fn key(prefix: &StorageKey, name: &str) -> Result<StorageKey, Seen> {
    prefix.join(name).map_err(|error| Seen(error.to_string()))
}

fn expect(holds: bool, seen: impl FnOnce() -> String) -> Result<(), Seen> {
    if holds { Ok(()) } else { Err(Seen(seen())) }
}

async fn across(storage: &Arc<PluginStorage>, prefix: &StorageKey) -> Result<(), Seen> {
    let key = key(prefix, "across/object")?;
    let content = Bytes::from_static(b"written by another instance");
    storage.put(&key, content.clone(), WriteOptions::default()).await?;
    let found = storage.get(&key, 1000).await.optional()?;
    expect(found == Some(content), || format!("one instance wrote it, another one reads {found:?}"))?;
    let request = ListRequest { prefix: prefix.clone(), after: None, limit: 10, shape: Shape::Subtree };
    let page = storage.list(&request).await?;
    expect(page.entries.len() == 1, || format!("one instance wrote an object, another one lists {:?}", page.entries))?;
    storage.delete(std::slice::from_ref(&key)).await?;
    let left = storage.get(&key, 1000).await.optional()?;
    expect(left.is_none(), || "one instance deleted it, another one still reads it".to_owned())
}

async fn lost(storage: &Arc<PluginStorage>, prefix: &StorageKey) -> Result<(), Seen> {
    for name in ["lost/new", "lost/old"] {
        let key = key(prefix, name)?;
        let before = name.ends_with("old").then(|| Bytes::from_static(b"before"));
        if let Some(before) = &before {
            storage.put(&key, before.clone(), WriteOptions::default()).await?;
        }
        storage.lose_writer(&key, &piece(1)).await?;
        let found = storage.get(&key, 10_000_000).await.optional()?;
        expect(found == before, || {
            let len = found.as_ref().map(Bytes::len);
            format!("the instance was ended in the middle of writing {name:?}, and {len:?} bytes are there")
        })?;
        storage.put(&key, Bytes::from_static(b"after"), WriteOptions::default()).await?;
    }
    Ok(())
}

fn piece(mark: u8) -> Bytes {
    vec![mark; PIECE_BYTES].into()
}

async fn mixed(storage: &Arc<PluginStorage>, prefix: &StorageKey) -> Result<(), Seen> {
    let tasks = (1..=TRANSFERS).map(|mark| {
        let (storage, key) = (Arc::clone(storage), key(prefix, &format!("mixed/{mark}")));
        tokio::spawn(async move {
            let key = key?;
            let mut writer = storage.write(&key, WriteOptions::default()).await?;
            for _ in 0..PIECES {
                writer.write(vec![piece(mark)]).await?;
                tokio::task::yield_now().await;
            }
            writer.finish().await?;
            let found = storage.get(&key, u64::MAX).await?;
            let whole = found.len() == PIECES * PIECE_BYTES && found.iter().all(|byte| *byte == mark);
            expect(whole, || {
                format!("{} bytes of {} are there, or those of another writer", found.len(), PIECES * PIECE_BYTES)
            })
        })
    });
    let outcomes = try_join_all(tasks).await.map_err(|error| Seen(error.to_string()))?;
    outcomes.into_iter().collect()
}
