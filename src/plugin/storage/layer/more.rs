//! The interfaces beside `backend`, given to a layer.

use wharf_bindings::layer::wharf::storage::{batches, presigning, server_side, small_objects};

use super::super::convert;
use super::super::whole::SMALL_BYTES_MAX;
use super::backend::answer;
use super::{Answer, View, key, keys, said};
use crate::storage::Change;
use wharf_bindings::storage::wharf::storage::types as wit;

impl small_objects::Host for View<'_> {
    async fn get(&mut self, name: String, bytes_max: u32) -> Answer<Vec<u8>> {
        let (storage, key) = (answer!(self.storage()), answer!(key(name)));
        let bytes_max = u64::from(bytes_max).min(SMALL_BYTES_MAX as u64);
        Ok(storage.get(&key, bytes_max).await.map(Into::into).map_err(said))
    }

    async fn put(&mut self, name: String, content: Vec<u8>, options: wit::WriteOptions) -> Answer<()> {
        let (storage, key) = (answer!(self.storage()), answer!(key(name)));
        let options = convert::options_from_wit(options);
        Ok(storage.put(&key, content.into(), options).await.map_err(said))
    }
}

impl batches::Host for View<'_> {
    async fn commit(&mut self, changes: Vec<batches::Change>) -> Answer<()> {
        let storage = answer!(self.storage());
        let changes: Result<Vec<Change>, wit::Error> = changes.into_iter().map(change).collect();
        Ok(storage.commit(answer!(changes)).await.map_err(said))
    }
}

fn change(change: batches::Change) -> Result<Change, wit::Error> {
    Ok(match change {
        batches::Change::Put(object) => Change::Put { key: key(object.key)?, content: object.content.into() },
        batches::Change::Assemble(assembly) => {
            Change::Assemble { parts: keys(assembly.parts)?, key: key(assembly.key)? }
        }
        batches::Change::Delete(names) => Change::Delete { keys: keys(names)? },
    })
}

impl server_side::Host for View<'_> {
    async fn copy(&mut self, source: String, destination: String) -> Answer<()> {
        let (storage, from, to) = (answer!(self.storage()), answer!(key(source)), answer!(key(destination)));
        Ok(storage.copy(&from, &to).await.map_err(said))
    }

    async fn assemble(&mut self, parts: Vec<String>, name: String) -> Answer<()> {
        let (storage, parts, key) = (answer!(self.storage()), answer!(keys(parts)), answer!(key(name)));
        Ok(storage.assemble(&parts, &key).await.map_err(said))
    }

    async fn delete_prefix(&mut self, prefix: String) -> Answer<()> {
        let (storage, prefix) = (answer!(self.storage()), answer!(key(prefix)));
        Ok(storage.delete_prefix(&prefix).await.map_err(said))
    }
}

impl presigning::Host for View<'_> {
    async fn url(&mut self, name: String, seconds: u32) -> Answer<Option<String>> {
        let (storage, key) = (answer!(self.storage()), answer!(key(name)));
        Ok(storage.url(&key, seconds.into()).await.map_err(said))
    }
}
