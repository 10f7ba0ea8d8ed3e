//! Where bytes live: the [`Storage`] trait, and what implements it.
//!
//! The trait is the same shape as the WIT interface `wharf:storage`, function for function, so that a backend written as a
//! component and one written in Rust obey the same contract and pass the same behaviour suite.
//!
//! # The contract
//! * **Atomic.** An object is there whole or not at all; a reader never sees part of one. Overwriting replaces in one step.
//! * **Durable.** When `put`, `finish`, `commit`, `copy` or `assemble` return `Ok`, the change survives a power cut (but for
//!   what was written as [`WriteOptions::volatile`]; a delete may come undone).
//! * **Read after write.** What one process has written, every other one sees at its next call.
//! * **Drop means abort.** A writer that is dropped unfinished leaves no object behind.
//! * **Absent is fine to delete.** Deleting what is not there succeeds.
//! * Keys are flat, as in an object store: a "directory" is there only as long as it holds something.

pub mod behaviour;
pub mod drivers;
mod error;
pub(crate) mod file;
mod key;
pub mod layout;
pub mod local;
pub mod memory;
pub mod metered;
mod object;
pub mod opendal;
pub mod probe;

pub use error::{ErrorKind, OptionalExt, Result, StorageError};
pub use file::FileSlice;
pub use key::StorageKey;
pub use object::{
    ByteRange, Capabilities, Change, ListEntry, ListPage, ListRequest, ObjectMeta, ReadStream, Shape, Unfinished,
    UnfinishedPage, WriteOptions,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// How many listings of one walk a backend is asked for at once, if it has no better way to list many.
const LISTINGS_AT_ONCE: usize = 8;

/// A storage backend. Shared by every request at once; each method may be called from any number of tasks.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The backend's name, as it stands in the configuration and in metrics: `filesystem`, `inmemory`, `s3`…
    fn name(&self) -> &str;

    /// What this backend can do beyond the required minimum. Asked once at start; never changes.
    fn capabilities(&self) -> Capabilities;

    /// Size and age of an object.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none under this key (a mere prefix of keys is none).
    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta>;

    /// Reads a whole small object. At most `bytes_max` bytes are ever held.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::TooLarge`] when the object has more than `bytes_max` bytes.
    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes>;

    /// Opens an object for reading in pieces. A reader keeps reading the object that it opened, even if the key is
    /// overwritten or deleted meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::RangeNotSatisfiable`] when `range` starts behind the end. An object that turns
    /// out shorter than it was announced ends the stream with an error, never as if it were complete.
    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream>;

    /// Opens a new object, or with [`WriteOptions::append_at`] the tail of a growing one. Nothing is visible under `key`
    /// until [`Writer::finish`] returns.
    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>>;

    /// Writes a small object in one go: `write`, one piece, `finish`.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] with [`WriteOptions::if_absent`], where [`Capabilities::conditional_put`] is told.
    async fn put(&self, key: &StorageKey, content: Bytes, options: WriteOptions) -> Result<()> {
        let mut writer = self.write(key, options).await?;
        writer.write(vec![content]).await?;
        writer.finish().await?;
        Ok(())
    }

    /// Applies `changes` one after the other, and makes them durable together. A later change is visible only if the earlier
    /// ones are; after an error or a crash the first so many of them stand. This is how a blob and its link, or a manifest
    /// and its tag, are written: one call, so that a backend pays for durability once.
    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        for change in changes {
            match change {
                Change::Put { key, content } => self.put(&key, content, WriteOptions::default()).await?,
                Change::Assemble { parts, key } => self.assemble(&parts, &key).await?,
                Change::Delete { keys } => self.delete(&keys).await?,
            }
        }
        Ok(())
    }

    /// Deletes objects, in any order. Keys that hold nothing are skipped.
    async fn delete(&self, keys: &[StorageKey]) -> Result<()>;

    /// Deletes every object beneath `prefix/`.
    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()>;

    /// Lists beneath a prefix, in pages. See [`Shape`] for what is listed and in which order. A prefix that holds nothing gives
    /// an empty page, not an error.
    async fn list(&self, request: &ListRequest) -> Result<ListPage>;

    /// The first names, at most `limit`, directly beneath each of `prefixes`, in their order: what a walk through many small
    /// directories asks. As [`Storage::list`] with [`Shape::Children`] for each, several at a time.
    async fn list_each(&self, prefixes: Vec<StorageKey>, limit: usize) -> Result<Vec<ListPage>> {
        let children = |prefix: StorageKey| ListRequest { prefix, after: None, limit, shape: Shape::Children };
        let pages = stream::iter(prefixes).map(children);
        let pages = pages.map(|request| async move { self.list(&request).await });
        pages.buffered(LISTINGS_AT_ONCE).try_collect().await
    }

    /// Writes beneath `prefix/` that were begun and never finished or aborted, behind `after`, where the backend keeps what a
    /// crash has left of them: no listing shows it, but it takes space. Those that are under way now are among them.
    async fn list_unfinished(&self, prefix: &StorageKey, after: Option<&Unfinished>) -> Result<UnfinishedPage> {
        let _ = (prefix, after);
        Ok(UnfinishedPage::default())
    }

    /// Throws an unfinished write away. One that is gone is fine; one that is under way fails.
    async fn abort_unfinished(&self, write: &Unfinished) -> Result<()> {
        let _ = write;
        Ok(())
    }

    /// Copies an object.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is nothing at `from`.
    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()>;

    /// Makes `key` the concatenation of `parts`, in order, without sending the bytes through the caller where the backend
    /// can avoid it. No parts make an empty object. The parts belong to the backend from this call on: they may be moved, and
    /// whether they still exist afterwards is not said. The caller deletes what it knows of them.
    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()>;

    /// A URL under which a client may read the object itself for `seconds`, where [`Capabilities::presign`] is told.
    async fn url(&self, key: &StorageKey, seconds: u64) -> Result<Option<String>> {
        let _ = (key, seconds);
        Ok(None)
    }
}

/// An object being written. Dropping it unfinished means abort: what was written so far is thrown away.
#[async_trait]
pub trait Writer: Send {
    /// Adds bytes at the end; the pieces are in order and belong together, so that they need not be copied into one.
    /// Returns when the writer is ready for more, which is how a slow backend slows the client down.
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()>;

    /// Makes the object visible and durable. Returns its size in bytes. With [`WriteOptions::append_at`] it makes the object
    /// longer, without the promise of durability: the `assemble` that follows gives that.
    async fn finish(self: Box<Self>) -> Result<u64>;

    /// Throws away what was written, and waits until that is done.
    async fn abort(self: Box<Self>) -> Result<()>;
}
