//! Storage that can't append, and to which the way is long, as with object stores.

use std::sync::OnceLock;

use async_trait::async_trait;
use bytes::Bytes;

use crate::storage::memory::MemoryStorage;
use crate::storage::{
    ByteRange, Capabilities, ErrorKind, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Storage, StorageError,
    StorageKey, WriteOptions, Writer,
};

pub(in crate::registry) struct PartsOnly(MemoryStorage, OnceLock<Watch>);

/// Is told of each key that is got.
type Watch = Box<dyn Fn(&StorageKey) + Send + Sync>;

impl PartsOnly {
    pub(in crate::registry) fn new(memory: MemoryStorage) -> Self {
        Self(memory, OnceLock::new())
    }

    pub(in crate::registry) fn watch(&self, watch: impl Fn(&StorageKey) + Send + Sync + 'static) {
        let _ = self.1.set(Box::new(watch));
    }
}

#[async_trait]
impl Storage for PartsOnly {
    fn name(&self) -> &str {
        "parts-only"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { append: false, remote: true, ..self.0.capabilities() }
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        self.0.stat(key).await
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        if let Some(watch) = self.1.get() {
            watch(key);
        }
        self.0.get(key, bytes_max).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        self.0.read(key, range).await
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        if options.append_at.is_some() {
            return Err(StorageError::new(ErrorKind::Unsupported, "write", key));
        }
        self.0.write(key, options).await
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        self.0.delete(keys).await
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        self.0.delete_prefix(prefix).await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.0.list(request).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.0.copy(from, to).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.0.assemble(parts, key).await
    }
}
