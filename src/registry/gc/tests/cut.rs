//! A storage that fails after so many deletions, one object at a time: a crash at any point of a sweep.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use crate::storage::memory::MemoryStorage;
use crate::storage::{
    ByteRange, Capabilities, ErrorKind, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Shape, Storage,
    StorageError, StorageKey, WriteOptions, Writer,
};

pub(super) struct CutStorage {
    inner: MemoryStorage,
    deletions_left: AtomicUsize,
    remote: bool,
}

impl CutStorage {
    /// `remote` makes it one to which the way is long.
    pub(super) fn new(inner: MemoryStorage, deletions_max: usize, remote: bool) -> Self {
        Self { inner, deletions_left: AtomicUsize::new(deletions_max), remote }
    }

    async fn delete_one(&self, key: &StorageKey) -> Result<()> {
        if self.inner.stat(key).await.is_err() {
            return Ok(());
        }
        let left = self.deletions_left.load(Ordering::Relaxed);
        let left = left.checked_sub(1).ok_or_else(|| StorageError::new(ErrorKind::Other, "delete", key))?;
        self.deletions_left.store(left, Ordering::Relaxed);
        self.inner.delete(std::slice::from_ref(key)).await
    }
}

#[async_trait]
impl Storage for CutStorage {
    fn name(&self) -> &str {
        "cut"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { remote: self.remote, ..self.inner.capabilities() }
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        self.inner.stat(key).await
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        self.inner.get(key, bytes_max).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        self.inner.read(key, range).await
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        self.inner.write(key, options).await
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        for key in keys {
            self.delete_one(key).await?;
        }
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        let request = ListRequest { prefix: prefix.clone(), after: None, limit: 1000, shape: Shape::Subtree };
        for entry in self.inner.list(&request).await?.entries {
            self.delete_one(&prefix.join(&entry.name).unwrap()).await?;
        }
        Ok(())
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.inner.list(request).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.inner.copy(from, to).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.inner.assemble(parts, key).await
    }
}
