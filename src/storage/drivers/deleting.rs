//! A storage that deletes in a way of its own, one object after the other, because what OpenDAL does for it falls short.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Own;
use crate::storage::opendal::{OpendalOptions, OpendalStorage};
use crate::storage::{
    ByteRange, Capabilities, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Shape, Storage, StorageError,
    StorageKey, Unfinished, UnfinishedPage, WriteOptions, Writer,
};

/// How many objects are deleted at a time.
pub(super) const DELETES_AT_ONCE: usize = 16;
/// How many keys are listed at a time.
pub(super) const LISTED_MAX: usize = 1000;

/// How objects are deleted.
#[async_trait]
pub(super) trait Deletes: Send + Sync + 'static {
    /// Deletes an object, of which a listing may have told the size. One that is not there is none to delete.
    async fn delete(&self, storage: &OpendalStorage, key: &StorageKey, listed: Option<u64>) -> Result<()>;

    /// What is to be done when everything beneath a prefix has been deleted.
    async fn after(&self, prefix: &StorageKey) -> Result<()> {
        let _ = prefix;
        Ok(())
    }
}

/// One request for each, to a service that takes no deletion of many: emulators of Google's, Azure with a token.
pub(super) struct OneByOne;

#[async_trait]
impl Deletes for OneByOne {
    async fn delete(&self, storage: &OpendalStorage, key: &StorageKey, _: Option<u64>) -> Result<()> {
        storage.delete(std::slice::from_ref(key)).await
    }
}

impl Own for OneByOne {
    fn around(&self, storage: OpendalStorage, _: &OpendalOptions) -> Arc<dyn Storage> {
        Arc::new(Deleting::new(storage, Self))
    }
}

/// A storage with its own way to delete.
pub(super) struct Deleting<D> {
    inner: OpendalStorage,
    deletes: D,
}

impl<D: Deletes> Deleting<D> {
    pub(super) fn new(inner: OpendalStorage, deletes: D) -> Self {
        Self { inner, deletes }
    }

    async fn delete_all(&self, found: Vec<(StorageKey, Option<u64>)>) -> Result<()> {
        let deletes = stream::iter(found).map(Ok::<_, StorageError>);
        let delete =
            |(key, size): (StorageKey, Option<u64>)| async move { self.deletes.delete(&self.inner, &key, size).await };
        deletes.try_for_each_concurrent(DELETES_AT_ONCE, delete).await
    }
}

#[async_trait]
impl<D: Deletes> Storage for Deleting<D> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
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
        self.delete_all(keys.iter().map(|key| (key.clone(), None)).collect()).await
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        let page = ListRequest { prefix: prefix.clone(), after: None, limit: LISTED_MAX, shape: Shape::Subtree };
        loop {
            let listed = self.list(&page).await?;
            let found = listed.entries.into_iter().filter_map(|entry| {
                let size = entry.object.map(|meta| meta.size);
                prefix.join(&entry.name).ok().map(|key| (key, size))
            });
            let found = found.collect::<Vec<_>>();
            let nothing = found.is_empty();
            self.delete_all(found).await?;
            if !listed.more || nothing {
                return self.deletes.after(prefix).await;
            }
        }
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.inner.list(request).await
    }

    async fn list_unfinished(&self, prefix: &StorageKey, after: Option<&Unfinished>) -> Result<UnfinishedPage> {
        self.inner.list_unfinished(prefix, after).await
    }

    async fn abort_unfinished(&self, write: &Unfinished) -> Result<()> {
        self.inner.abort_unfinished(write).await
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.inner.copy(from, to).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.inner.assemble(parts, key).await
    }

    async fn url(&self, key: &StorageKey, seconds: u64) -> Result<Option<String>> {
        self.inner.url(key, seconds).await
    }
}
