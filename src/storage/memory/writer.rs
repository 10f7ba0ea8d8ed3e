//! Writers: both collect apart and put the object into the map when they finish.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::Shared;
use super::object::{Collector, Object};
use crate::storage::{ErrorKind, Result, StorageError, StorageKey, Writer};

pub(super) struct MemoryWriter {
    shared: Arc<Shared>,
    key: StorageKey,
    if_absent: bool,
    collected: Collector,
}

impl MemoryWriter {
    pub(super) fn new(shared: &Arc<Shared>, key: &StorageKey, if_absent: bool) -> Self {
        Self { shared: Arc::clone(shared), key: key.clone(), if_absent, collected: Collector::default() }
    }
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        pieces.iter().for_each(|piece| self.collected.add(piece));
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64> {
        let object = self.collected.finish();
        let size = object.meta().size;
        self.shared.insert(&self.key, object, self.if_absent)?;
        Ok(size)
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// Appends to an object; as long as it lives, no second one can for the same key.
pub(super) struct AppendWriter {
    shared: Arc<Shared>,
    key: StorageKey,
    before: Object,
    collected: Option<Collector>,
}

impl AppendWriter {
    pub(super) fn open(shared: &Arc<Shared>, key: &StorageKey, offset: u64) -> Result<Self> {
        let conflict = || StorageError::new(ErrorKind::Conflict, "append", key);
        let mut appending = shared.appending.lock().unwrap_or_else(PoisonError::into_inner);
        if appending.contains(key.as_str()) {
            return Err(conflict().with_source("somebody else is appending to it"));
        }
        let before = shared.change(|objects| {
            let old = objects.get(key.as_str());
            let size = old.map_or(0, |object| object.meta().size);
            if size < offset {
                return Err(conflict().with_source(format!("it has {size} bytes, not {offset}")));
            }
            let cut = old.map_or_else(|| Object::concat(&[]), |object| object.cut(offset));
            objects.insert(key.as_str().to_owned(), cut.clone());
            Ok(cut)
        })?;
        appending.insert(key.as_str().to_owned());
        drop(appending);
        let (shared, key) = (Arc::clone(shared), key.clone());
        Ok(Self { shared, key, before, collected: Some(Collector::default()) })
    }
}

impl Drop for AppendWriter {
    fn drop(&mut self) {
        self.shared.appending.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key.as_str());
    }
}

#[async_trait]
impl Writer for AppendWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        if let Some(collected) = &mut self.collected {
            pieces.iter().for_each(|piece| collected.add(piece));
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        let new = self.collected.take().unwrap_or_default().finish();
        let object = Object::concat(&[self.before.clone(), new]);
        let size = object.meta().size;
        self.shared.change(|objects| match objects.get_mut(self.key.as_str()) {
            Some(place) => {
                *place = object;
                Ok(size)
            }
            None => Err(StorageError::new(ErrorKind::Conflict, "append", &self.key)
                .with_source("it was deleted while it was written")),
        })
    }

    async fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
