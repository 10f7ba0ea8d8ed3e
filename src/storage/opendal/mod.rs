//! Storage through an OpenDAL operator: object stores, and whatever else it speaks to.
//!
//! Only its public `Operator` is used; its inner interface changes with every minor version. Around it stand a time limit for
//! each call, and retries with jitter where repeating a call is harmless (see [`client`]). What a network needs besides, a driver
//! puts below it ([`super::drivers`]).
//!
//! What is deliberately not used: *append* (advertised for S3, where it loses data silently), *rename* but on file systems,
//! and conditions that were not proved: some stores accept `If-None-Match` and ignore it, so
//! [`OpendalOptions::conditional_put`] has to be told by whoever has tried it.
//!
//! The `fs` service is for tests and comparison, [`super::local`] is the real thing: through OpenDAL, directories are not made
//! durable and empty ones stay behind (no listing shows them). It must be given an `atomic_write_dir` outside its root.

mod begun;
mod client;
mod compose;
mod list;
mod memory;
mod quirks;
mod reader;
mod writer;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ::opendal::{Operator, options};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::{
    ByteRange, Capabilities, ErrorKind, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Shape, Storage,
    StorageError, StorageKey, Unfinished, UnfinishedPage, WriteOptions, Writer,
};
pub use begun::{BegunWrite, BegunWrites, BegunWritesPage};
pub use memory::PartMemory;

use client::Client;
pub use client::{TryLater, pause_before};
use quirks::Quirks;

/// Signs URLs under which a client reads an object without this server.
#[async_trait]
pub trait SignUrl: Send + Sync + 'static {
    /// The URL of the object at an operator's path, good for so long.
    async fn sign(&self, path: &str, expires: Duration) -> ::opendal::Result<String>;
}

/// How objects are copied within a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOptions {
    /// Up to this size in one request, where the store copies in parts at all.
    pub whole_bytes_max: u64,
    /// The size of a part. It grows with the object, so that 10,000 parts are enough.
    pub part_bytes: usize,
    /// Parts that are copied at a time.
    pub concurrent: NonZeroUsize,
}

impl Default for CopyOptions {
    fn default() -> Self {
        let concurrent = NonZeroUsize::MIN.saturating_add(15);
        Self { whole_bytes_max: 1 << 30, part_bytes: 256 << 20, concurrent }
    }
}

/// How an operator is used.
#[derive(Clone)]
pub struct OpendalOptions {
    /// Whether a conditional write lets exactly one of several writers win: proved, not advertised. `None` leaves it to what is
    /// known of the service, which is nothing for remote ones.
    pub conditional_put: Option<bool>,
    /// How long one call may take, with all requests that it makes.
    pub call_time_max: Duration,
    /// How much longer it may take where the store copies objects or puts one together.
    pub work_time_max: Duration,
    /// How long the bytes of an object may pause.
    pub body_idle_time_max: Duration,
    /// How often a harmless call is tried in all.
    pub attempts_max: NonZeroUsize,
    /// The first pause before a call is repeated is at most this long; each further one may be twice as long.
    pub pause: Duration,
    /// The size of the first parts of a large object. Later ones are larger, so that [`Self::parts_max`] are enough for all
    /// that a store takes. At least 5 MiB on S3.
    pub part_bytes: usize,
    /// The same for an object that is begun while at least half of [`Self::part_memory`] is free: larger parts are fewer requests.
    /// It is decided once for an object: some stores want all of its parts, but for the last, alike.
    pub part_bytes_with_room: usize,
    /// Of how many parts an object may be made.
    pub parts_max: usize,
    /// How many parts of one object are sent at a time. Each is held in memory until it has arrived.
    pub parts_concurrent: NonZeroUsize,
    /// Memory for parts on their way, of all objects together.
    pub part_memory: PartMemory,
    /// How objects are copied within the store.
    pub copies: CopyOptions,
    /// Whoever can sign URLs for clients, and was proved to do so.
    pub urls: Option<Arc<dyn SignUrl>>,
    /// Tells in a sentence what is behind a failure of the store, for the log.
    pub explain: Option<Explain>,
    /// Whoever finds what crashes have left of writes, at services that keep it.
    pub begun: Option<Arc<dyn BegunWrites>>,
}

/// Tells in a sentence what is behind a failure.
pub type Explain = Arc<dyn Fn(&StorageError) -> String + Send + Sync>;

impl Default for OpendalOptions {
    fn default() -> Self {
        Self {
            conditional_put: None,
            call_time_max: Duration::from_secs(60),
            work_time_max: Duration::from_secs(600),
            body_idle_time_max: Duration::from_secs(30),
            attempts_max: NonZeroUsize::MIN.saturating_add(3),
            pause: Duration::from_millis(100),
            part_bytes: 8 * 1024 * 1024,
            part_bytes_with_room: 0,
            parts_max: 10_000,
            parts_concurrent: NonZeroUsize::MIN.saturating_add(1),
            part_memory: PartMemory::default(),
            copies: CopyOptions::default(),
            urls: None,
            explain: None,
            begun: None,
        }
    }
}

/// How often an object that is replaced while it is read is read anew.
const REPLACED_MAX: usize = 5;

/// How many objects are listed and deleted at a time. S3 and OSS take 1000 in one request.
const DELETED_MAX: usize = 999;

/// Keeps objects wherever an operator puts them.
pub struct OpendalStorage {
    name: String,
    client: Arc<Client>,
}

impl OpendalStorage {
    /// A storage over `operator`, which brings its root or key prefix with it. `name` is the backend's, as in the configuration.
    pub fn new(operator: Operator, name: impl Into<String>, options: OpendalOptions) -> Self {
        let quirks = Quirks::of(&operator, &options);
        Self { name: name.into(), client: Arc::new(Client::new(operator, options, quirks)) }
    }

    async fn get_once(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        let mut stream = self.read(key, ByteRange::ALL).await?;
        if stream.meta.size > bytes_max {
            return Err(StorageError::new(ErrorKind::TooLarge, "get", key));
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = stream.body.next().await {
            let piece = piece?;
            if whole.is_empty() && piece.len() as u64 == stream.meta.size {
                return Ok(piece);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    async fn delete_one_by_one(&self, keys: &[StorageKey]) -> Result<()> {
        for key in keys {
            // As a path, a directory would be deleted too.
            match self.stat(key).await {
                Ok(_) => {
                    let path = self.client.path("delete", key)?;
                    self.client.retry("delete", key, || self.client.operator.delete(path)).await?;
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Storage for OpendalStorage {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let (client, can) = (&self.client, self.client.operator.info().capability());
        Capabilities {
            append: false,
            conditional_put: client.quirks.conditional_put,
            server_side_assemble: client.quirks.renames || client.quirks.copies || can.write_can_copy_from,
            presign: client.options.urls.is_some(),
            remote: client.quirks.remote,
        }
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        self.client.stat("stat", key).await
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        let mut attempt = 1;
        loop {
            match self.get_once(key, bytes_max).await {
                // It was replaced after its bytes broke off, so the rest of them can't be had any more; the new one can.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < REPLACED_MAX => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        reader::open(&self.client, key, range).await
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        if options.append_at.is_some() {
            return Err(StorageError::new(ErrorKind::Unsupported, "append", key));
        }
        Ok(Box::new(writer::PartWriter::new(&self.client, key, options.if_absent)?))
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        let Some(first) = keys.first() else { return Ok(()) };
        if self.client.quirks.directories {
            return self.delete_one_by_one(keys).await;
        }
        let paths: Vec<&str> = keys.iter().map(|key| self.client.path("delete", key)).collect::<Result<_>>()?;
        self.client.retry("delete", first, || self.client.operator.delete_iter(paths.clone())).await
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        // On a file system, a file of this name would be deleted too.
        if self.client.quirks.directories && !matches!(self.stat(prefix).await, Err(error) if error.is_not_found()) {
            return Ok(());
        }
        if self.client.quirks.directories {
            let path = format!("{}/", self.client.path("delete prefix", prefix)?);
            let recursive = || options::DeleteOptions { recursive: true, ..Default::default() };
            let call = || self.client.operator.delete_options(&path, recursive());
            return self.client.retry("delete prefix", prefix, call).await;
        }
        // A page at a time, as large as one request can delete.
        let page = ListRequest { prefix: prefix.clone(), after: None, limit: DELETED_MAX, shape: Shape::Subtree };
        loop {
            let listed = self.list(&page).await?;
            let keys = listed.entries.iter().filter_map(|entry| prefix.join(&entry.name).ok()).collect::<Vec<_>>();
            self.delete(&keys).await?;
            if !listed.more || keys.is_empty() {
                return Ok(());
            }
        }
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        list::page(&self.client, request).await
    }

    async fn list_each(&self, prefixes: Vec<StorageKey>, limit: usize) -> Result<Vec<ListPage>> {
        list::each(&self.client, &prefixes, limit).await
    }

    async fn list_unfinished(&self, prefix: &StorageKey, after: Option<&Unfinished>) -> Result<UnfinishedPage> {
        begun::page(&self.client, prefix, after).await
    }

    async fn abort_unfinished(&self, write: &Unfinished) -> Result<()> {
        begun::abort(&self.client, write).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        compose::copy(&self.client, from, to).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        compose::assemble(&self.client, parts, key).await
    }

    async fn url(&self, key: &StorageKey, seconds: u64) -> Result<Option<String>> {
        let Some(urls) = &self.client.options.urls else { return Ok(None) };
        let (path, expires) = (self.client.path("url", key)?, Duration::from_secs(seconds));
        self.client.call("url", key, urls.sign(path, expires)).await.map(Some)
    }
}

#[cfg(test)]
mod tests;
