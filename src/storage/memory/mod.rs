//! Storage in this process's memory: for trying Wharf out, and for tests. Everything is gone when the process ends.

mod list;
mod object;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{
    ByteRange, Capabilities, Change, ErrorKind, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Storage,
    StorageError, StorageKey, WriteOptions, Writer,
};
use object::Object;
use writer::{AppendWriter, MemoryWriter};

/// Keeps objects in a sorted map. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryStorage {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    objects: RwLock<BTreeMap<String, Object>>,
    /// The keys that somebody appends to at this moment.
    appending: Mutex<HashSet<String>>,
}

impl Shared {
    fn read<T>(&self, look: impl FnOnce(&BTreeMap<String, Object>) -> T) -> T {
        look(&self.objects.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Object>) -> T) -> T {
        change(&mut self.objects.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, operation: &'static str, key: &StorageKey) -> Result<Object> {
        self.read(|objects| objects.get(key.as_str()).cloned())
            .ok_or_else(|| StorageError::new(ErrorKind::NotFound, operation, key))
    }

    fn insert(&self, key: &StorageKey, object: Object, if_absent: bool) -> Result<()> {
        self.change(|objects| {
            if if_absent && objects.contains_key(key.as_str()) {
                return Err(StorageError::new(ErrorKind::AlreadyExists, "put", key));
            }
            objects.insert(key.as_str().to_owned(), object);
            Ok(())
        })
    }
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    fn name(&self) -> &str {
        "inmemory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { append: true, conditional_put: true, server_side_assemble: true, presign: false, remote: false }
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        Ok(self.shared.find("stat", key)?.meta())
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        let object = self.shared.find("get", key)?;
        if object.meta().size > bytes_max {
            return Err(StorageError::new(ErrorKind::TooLarge, "get", key));
        }
        Ok(object.whole())
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        let object = self.shared.find("read", key)?;
        let meta = object.meta();
        let range =
            range.within(meta.size).ok_or_else(|| StorageError::new(ErrorKind::RangeNotSatisfiable, "read", key))?;
        let pieces = object.slices(range);
        Ok(ReadStream { meta, body: stream::iter(pieces.into_iter().map(Ok)).boxed(), file: None })
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        Ok(match options.append_at {
            Some(offset) => Box::new(AppendWriter::open(&self.shared, key, offset)?),
            None => Box::new(MemoryWriter::new(&self.shared, key, options.if_absent)),
        })
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        for change in changes {
            match change {
                Change::Put { key, content } => self.shared.insert(&key, Object::from_bytes(&content), false)?,
                Change::Assemble { parts, key } => self.assemble(&parts, &key).await?,
                Change::Delete { keys } => self.delete(&keys).await?,
            }
        }
        Ok(())
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        self.shared.change(|objects| {
            for key in keys {
                objects.remove(key.as_str());
            }
        });
        Ok(())
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        let start = format!("{prefix}/");
        self.shared.change(|objects| {
            let keys: Vec<String> = list::beneath(objects, &start).map(|(key, _)| key.clone()).collect();
            for key in keys {
                objects.remove(&key);
            }
        });
        Ok(())
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        Ok(self.shared.read(|objects| list::page(objects, request)))
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let object = self.shared.find("copy", from)?;
        self.shared.insert(to, object.modified_at(SystemTime::now()), false)
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        let appending = self.shared.appending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.iter().find(|part| appending.contains(part.as_str())) {
            return Err(
                StorageError::new(ErrorKind::Conflict, "assemble", part).with_source("somebody is appending to it")
            );
        }
        drop(appending);
        let parts: Vec<Object> = parts.iter().map(|part| self.shared.find("assemble", part)).collect::<Result<_>>()?;
        self.shared.insert(key, Object::concat(&parts), false)
    }
}

#[cfg(test)]
mod tests;
