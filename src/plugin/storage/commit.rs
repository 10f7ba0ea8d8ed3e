//! Several changes made durable together: by `batches` where the component has it, otherwise one after the other.

use wharf_bindings::batches::exports::wharf::storage::batches as wit;

use super::PluginStorage;
use super::compose::texts;
use super::errors::unsupported;
use super::session::{Attempts, ask};
use super::whole::SMALL_BYTES_MAX;
use crate::storage::{Change, Result, StorageKey, WriteOptions};

/// How many changes cross at once at most, for one call must be done within its time; and how many bytes of content in them,
/// for all of it lies in the instance's memory.
const CHANGES_MAX: usize = 64;
const BATCH_BYTES_MAX: usize = 2 * SMALL_BYTES_MAX;
/// The contract's bound of the keys in one delete.
const DELETE_KEYS_MAX: usize = 1000;

impl PluginStorage {
    pub(super) async fn commit_all(&self, changes: Vec<Change>) -> Result<()> {
        let together = self.found().batches;
        let mut batch = Batch::default();
        for change in changes {
            match change {
                Change::Put { key, content } if !together || content.len() > SMALL_BYTES_MAX => {
                    self.commit_batch(&mut batch).await?;
                    self.put_whole(&key, &content, WriteOptions::default()).await?;
                }
                Change::Put { key, content } => {
                    if batch.bytes + content.len() > BATCH_BYTES_MAX {
                        self.commit_batch(&mut batch).await?;
                    }
                    batch.bytes += content.len();
                    let object = wit::Object { key: key.as_str().to_owned(), content: content.into() };
                    batch.add(&key, wit::Change::Put(object));
                }
                Change::Assemble { parts, key } if !together => self.assemble_parts(&parts, &key).await?,
                Change::Assemble { parts, key } => {
                    let assembly = wit::Assembly { parts: texts(&parts), key: key.as_str().to_owned() };
                    batch.add(&key, wit::Change::Assemble(assembly));
                }
                Change::Delete { keys } if !together => self.delete_keys(&keys).await?,
                Change::Delete { keys } => {
                    for keys in keys.chunks(DELETE_KEYS_MAX) {
                        if let Some(first) = keys.first() {
                            batch.add(first, wit::Change::Delete(texts(keys)));
                        }
                    }
                }
            }
            if batch.changes.len() >= CHANGES_MAX {
                self.commit_batch(&mut batch).await?;
            }
        }
        self.commit_batch(&mut batch).await
    }

    /// Hands over what was gathered. What is too much for one call becomes several, which keeps the order, and is all that a
    /// commit promises after a failure.
    async fn commit_batch(&self, batch: &mut Batch) -> Result<()> {
        let Batch { changes, first, bytes: _ } = std::mem::take(batch);
        let Some(first) = first else { return Ok(()) };
        let call = self.call("commit", &first);
        // Once: an assembly may have taken its parts before the failure.
        let mut attempts = Attempts::only_one();
        ask!(self, &call, attempts, |store, exports| async {
            match &exports.batches {
                Some(found) => found.wharf_storage_batches().call_commit(store, &changes).await,
                None => Ok(Err(unsupported())),
            }
        })
    }
}

/// Changes that cross together.
#[derive(Default)]
struct Batch {
    changes: Vec<wit::Change>,
    first: Option<StorageKey>,
    /// Of content in them.
    bytes: usize,
}

impl Batch {
    fn add(&mut self, key: &StorageKey, change: wit::Change) {
        self.first.get_or_insert_with(|| key.clone());
        self.changes.push(change);
    }
}
