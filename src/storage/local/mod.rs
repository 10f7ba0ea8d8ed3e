//! Storage in a local directory: a key is a path below the root.
//!
//! The files are laid out as CNCF `distribution` lays them out, so either server opens what the other one wrote. What is
//! Wharf's own lies in `.wharf/` at the root, which no listing shows and no key may name: `.wharf/tmp/<id>/` holds what one
//! process has not finished writing.
//!
//! * **Atomic** by writing apart and renaming; **durable** by synchronising the data before the rename and the directory after
//!   it, together for all who wait (see [`sync`]).
//! * Small reads are answered on the asynchronous thread when the kernel has everything in memory, and by a blocking thread
//!   otherwise (see [`disk`]).
//! * A directory is there only as long as it holds something: deleting prunes upwards, and writers cope with a directory that
//!   goes away under them.

mod append;
mod commit;
mod disk;
mod entry;
mod list;
mod place;
mod reader;
mod sync;
mod temp;
mod transaction;
mod tree;
mod unsynced;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::file::{Files, blocking};
use super::{
    ByteRange, Capabilities, Change, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Storage, StorageKey,
    WriteOptions, Writer,
};
use disk::Disk;
use list::Lister;
use sync::Syncer;

/// How a directory is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalOptions {
    /// What a process that has died left in `.wharf/tmp` is removed at the next [`LocalStorage::open`]. Where the file system
    /// can't tell that it has died (no `flock`), what is older than this counts as left.
    pub stale_after: Duration,
    /// How many names the cache of directory listings holds, over all directories.
    pub listing_names_max: usize,
    /// How many buffers for reading (256 KiB each) are kept for the next reader.
    pub buffers_max: usize,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self { stale_after: Duration::from_secs(24 * 60 * 60), listing_names_max: 200_000, buffers_max: 32 }
    }
}

/// Keeps objects as files beneath a directory. Several processes may use one directory at a time.
pub struct LocalStorage {
    disk: Arc<Disk>,
    syncer: Arc<Syncer>,
    files: Files,
    lister: Arc<Lister>,
}

impl LocalStorage {
    /// Opens the directory `root`, which is made when it is not there, and removes what a process that died left unfinished.
    ///
    /// # Errors
    /// What the system says when the directory can't be made or read; the message names the path.
    pub fn open(root: PathBuf, options: &LocalOptions) -> std::io::Result<Self> {
        let files = Files::new(options.buffers_max);
        let disk = Arc::new(Disk::open(root, options.stale_after, files.cache())?);
        let lister = Arc::new(Lister::new(Arc::clone(&disk), options.listing_names_max));
        let syncer = Arc::new(Syncer::new(Arc::clone(&disk)));
        Ok(Self { disk, syncer, files, lister })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        self.disk.root()
    }
}

#[async_trait]
impl Storage for LocalStorage {
    fn name(&self) -> &str {
        "filesystem"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { append: true, conditional_put: true, server_side_assemble: true, presign: false, remote: false }
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        if let Some(answer) = self.disk.stat_cached(key) {
            return answer;
        }
        let (disk, key) = (Arc::clone(&self.disk), key.clone());
        blocking("stat", &key.clone(), move || disk.stat(&key)).await
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        if let Some(answer) = self.disk.get_cached(key, bytes_max) {
            return answer;
        }
        let (disk, key) = (Arc::clone(&self.disk), key.clone());
        blocking("get", &key.clone(), move || disk.get(&key, bytes_max)).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        reader::open(&self.disk, &self.files, key, range).await
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        match options.append_at {
            Some(offset) => append::open(&self.disk, key, offset).await,
            None => writer::open(&self.disk, &self.syncer, key, options),
        }
    }

    async fn put(&self, key: &StorageKey, content: Bytes, options: WriteOptions) -> Result<()> {
        if options.append_at.is_some() {
            let mut writer = self.write(key, options).await?;
            writer.write(vec![content]).await?;
            return writer.finish().await.map(drop);
        }
        commit::put(&self.disk, &self.syncer, key, vec![content], options).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        commit::commit(&self.disk, &self.syncer, changes).await
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        let Some(first) = keys.first().cloned() else { return Ok(()) };
        let (disk, keys) = (Arc::clone(&self.disk), keys.to_vec());
        blocking("delete", &first, move || keys.iter().try_for_each(|key| disk.remove(key))).await
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        let (disk, prefix) = (Arc::clone(&self.disk), prefix.clone());
        blocking("delete prefix", &prefix.clone(), move || disk.remove_tree(&prefix)).await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        list::page(&self.lister, request).await
    }

    async fn list_each(&self, prefixes: Vec<StorageKey>, limit: usize) -> Result<Vec<ListPage>> {
        list::each(&self.lister, prefixes, limit).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        commit::copy(&self.disk, &self.syncer, from, to).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.commit(vec![Change::Assemble { parts: parts.to_vec(), key: key.clone() }]).await
    }
}

#[cfg(test)]
mod tests;
