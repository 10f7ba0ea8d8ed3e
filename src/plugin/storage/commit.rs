//! Several changes made durable together: by `batches` where the component has it, otherwise one after the other.

use wharf_bindings::batches::exports::wharf::storage::batches as wit;

use super::compose::texts;
use super::session::{Attempts, ask, has};
use super::whole::SMALL_BYTES_MAX;
use super::{PluginStorage, convert};
use crate::storage::{Change, Result, StorageKey, WriteOptions};

/// How many changes cross at once at most, for one call must be done within its time; and how many bytes of content in them,
/// for all of it lies in the instance's memory.
const CHANGES_MAX: usize = 64;
const BATCH_BYTES_MAX: usize = 2 * SMALL_BYTES_MAX;
/// The contract's bound of the keys in one delete.
const DELETE_KEYS_MAX: usize = 1000;

impl PluginStorage {
    pub(super) async fn commit_all(&self, changes: Vec<Change>) -> Result<()> {
        let mut batch = Batch::default();
        for change in changes {
            let bytes = match &change {
                Change::Put { content, .. } => content.len(),
                _ => 0,
            };
            if !self.found().batches || bytes > SMALL_BYTES_MAX {
                self.commit_batch(&mut batch).await?;
                self.make(change).await?;
                continue;
            }
            if batch.bytes + bytes > BATCH_BYTES_MAX || batch.changes.len() >= CHANGES_MAX {
                self.commit_batch(&mut batch).await?;
            }
            batch.bytes += bytes;
            batch.changes.push(change);
        }
        self.commit_batch(&mut batch).await
    }

    /// Makes one change by itself.
    async fn make(&self, change: Change) -> Result<()> {
        match change {
            Change::Put { key, content } => self.put_whole(&key, &content, WriteOptions::default()).await,
            Change::Assemble { parts, key } => self.assemble_parts(&parts, &key).await,
            Change::Delete { keys } => self.delete_keys(&keys).await,
        }
    }

    /// Hands over what was gathered. What is too much for one call becomes several, which keeps the order, and is all that a
    /// commit promises after a failure.
    async fn commit_batch(&self, batch: &mut Batch) -> Result<()> {
        let Batch { changes, bytes: _ } = std::mem::take(batch);
        let Some(first) = changes.iter().find_map(first_key) else { return Ok(()) };
        let told: Vec<wit::Change> = changes.iter().flat_map(told).collect();
        let call = self.call("commit", first);
        // Once: an assembly may have taken its parts before the failure.
        let mut attempts = Attempts::only_one();
        let done = ask!(self, &call, attempts, |store, exports| async {
            match &exports.batches {
                Some(found) => found.wharf_storage_batches().call_commit(store, &told).await.map(has),
                None => Ok(Ok(None)),
            }
        })?;
        if done.is_none() {
            for change in changes {
                self.make(change).await?;
            }
        }
        Ok(())
    }
}

/// Changes that cross together.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    /// Of content in them.
    bytes: usize,
}

fn first_key(change: &Change) -> Option<&StorageKey> {
    match change {
        Change::Put { key, .. } | Change::Assemble { key, .. } => Some(key),
        Change::Delete { keys } => keys.first(),
    }
}

/// In the contract's words, in which one delete has a bound.
fn told(change: &Change) -> Vec<wit::Change> {
    match change {
        Change::Put { key, content } => {
            vec![wit::Change::Put(wit::Object { key: convert::name(key), content: content.to_vec() })]
        }
        Change::Assemble { parts, key } => {
            vec![wit::Change::Assemble(wit::Assembly { parts: texts(parts), key: convert::name(key) })]
        }
        Change::Delete { keys } => keys.chunks(DELETE_KEYS_MAX).map(|keys| wit::Change::Delete(texts(keys))).collect(),
    }
}
