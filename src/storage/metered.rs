//! A backend whose operations are timed for the metrics.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    ByteRange, Capabilities, Change, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Storage, StorageKey,
    Unfinished, UnfinishedPage, WriteOptions, Writer,
};
use crate::telemetry::metrics::{StorageAction, StorageMetrics};

/// Passes everything on, and tells how long it took. Of reading and writing it times the opening: how long a body takes is the
/// client's affair as much as the backend's.
pub struct Metered {
    inner: Arc<dyn Storage>,
    metrics: StorageMetrics,
}

impl Metered {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn Storage>, metrics: StorageMetrics) -> Self {
        Self { inner, metrics }
    }

    async fn timed<T>(&self, action: StorageAction, work: impl Future<Output = T> + Send) -> T {
        let started = Instant::now();
        let result = work.await;
        self.metrics.finish(action, started.elapsed());
        result
    }
}

#[async_trait]
impl Storage for Metered {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        self.timed(StorageAction::Stat, self.inner.stat(key)).await
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        self.timed(StorageAction::Get, self.inner.get(key, bytes_max)).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        self.timed(StorageAction::Read, self.inner.read(key, range)).await
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        self.timed(StorageAction::Write, self.inner.write(key, options)).await
    }

    async fn put(&self, key: &StorageKey, content: Bytes, options: WriteOptions) -> Result<()> {
        self.timed(StorageAction::Put, self.inner.put(key, content, options)).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.timed(StorageAction::Commit, self.inner.commit(changes)).await
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        self.timed(StorageAction::Delete, self.inner.delete(keys)).await
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        self.timed(StorageAction::Delete, self.inner.delete_prefix(prefix)).await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.timed(StorageAction::List, self.inner.list(request)).await
    }

    async fn list_each(&self, prefixes: Vec<StorageKey>, limit: usize) -> Result<Vec<ListPage>> {
        self.timed(StorageAction::List, self.inner.list_each(prefixes, limit)).await
    }

    async fn list_unfinished(&self, prefix: &StorageKey, after: Option<&Unfinished>) -> Result<UnfinishedPage> {
        self.timed(StorageAction::List, self.inner.list_unfinished(prefix, after)).await
    }

    async fn abort_unfinished(&self, write: &Unfinished) -> Result<()> {
        self.timed(StorageAction::Delete, self.inner.abort_unfinished(write)).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.timed(StorageAction::Copy, self.inner.copy(from, to)).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.timed(StorageAction::Assemble, self.inner.assemble(parts, key)).await
    }

    async fn url(&self, key: &StorageKey, seconds: u64) -> Result<Option<String>> {
        self.timed(StorageAction::Url, self.inner.url(key, seconds)).await
    }
}
