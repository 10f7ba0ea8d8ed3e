//! `wharf:storage/backend`, given to a layer.

use bytes::Bytes;
use wasmtime::component::Resource;
use wharf_bindings::layer::wharf::storage::backend::{self, Opened, Reader, Writer};
use wharf_bindings::storage::wharf::storage::types as wit;

use super::super::convert;
use super::resources::{self, LowerReader, LowerWriter};
use super::{Answer, View, key, keys, said};
use crate::storage::ListRequest;

/// The contract's bound of one page, in entries.
const PAGE_ENTRIES_MAX: u32 = 1000;

/// Opens for a component: turns the `Err` of a step into the component's answer.
macro_rules! answer {
    ($step:expr) => {
        match $step {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}
pub(super) use answer;

impl backend::Host for View<'_> {
    /// The backend below has started when the server has.
    async fn init(&mut self) -> wasmtime::Result<Result<(), wit::InitError>> {
        Ok(Ok(()))
    }

    async fn health(&mut self) -> Answer<()> {
        let storage = answer!(self.storage());
        let probe = answer!(key("health".to_owned()));
        match storage.stat(&probe).await {
            Err(error) if !error.is_not_found() => Ok(Err(said(error))),
            _ => Ok(Ok(())),
        }
    }

    async fn capabilities(&mut self) -> wasmtime::Result<wit::CapabilityFlags> {
        let none = wit::CapabilityFlags::empty();
        Ok(self.storage().map_or(none, |storage| convert::flags_to_wit(storage.capabilities())))
    }

    async fn stat(&mut self, name: String) -> Answer<wit::ObjectMeta> {
        let (storage, key) = (answer!(self.storage()), answer!(key(name)));
        Ok(storage.stat(&key).await.map(convert::meta_to_wit).map_err(said))
    }

    async fn read(&mut self, name: String, range: wit::ByteRange) -> Answer<Opened> {
        let (storage, key) = (answer!(self.storage()), answer!(key(name)));
        let opened = answer!(storage.read(&key, convert::range_from_wit(range)).await.map_err(said));
        let reader = LowerReader { body: opened.body, rest: Bytes::new() };
        let body = resources::push_reader(self.table, reader)?;
        Ok(Ok(Opened { meta: convert::meta_to_wit(opened.meta), body }))
    }

    async fn write(&mut self, name: String, options: wit::WriteOptions) -> Answer<Resource<Writer>> {
        let (storage, key) = (answer!(self.storage()), answer!(key(name)));
        let writer = answer!(storage.write(&key, convert::options_from_wit(options)).await.map_err(said));
        Ok(Ok(resources::push_writer(self.table, LowerWriter(Some(writer)))?))
    }

    async fn delete(&mut self, names: Vec<String>) -> Answer<()> {
        let (storage, keys) = (answer!(self.storage()), answer!(keys(names)));
        Ok(storage.delete(&keys).await.map_err(said))
    }

    async fn list(&mut self, request: wit::ListRequest) -> Answer<wit::ListPage> {
        let (storage, prefix) = (answer!(self.storage()), answer!(key(request.prefix)));
        let request = ListRequest {
            prefix,
            after: request.after,
            limit: request.limit.clamp(1, PAGE_ENTRIES_MAX) as usize,
            shape: convert::shape_from_wit(request.shape),
        };
        Ok(storage.list(&request).await.map(convert::page_to_wit).map_err(said))
    }
}

impl backend::HostReader for View<'_> {
    async fn read(&mut self, handle: Resource<Reader>, bytes_max: u32) -> Answer<Vec<u8>> {
        let piece = resources::reader(self.table, &handle)?.read(bytes_max).await;
        Ok(piece.map(Into::into))
    }

    async fn drop(&mut self, handle: Resource<Reader>) -> wasmtime::Result<()> {
        resources::drop_reader(self.table, handle)
    }
}

impl backend::HostWriter for View<'_> {
    async fn write(&mut self, handle: Resource<Writer>, chunk: Vec<u8>) -> Answer<()> {
        match &mut resources::writer(self.table, &handle)?.0 {
            Some(writer) => Ok(writer.write(vec![chunk.into()]).await.map_err(said)),
            None => Ok(Err(over())),
        }
    }

    async fn finish(&mut self, handle: Resource<Writer>) -> Answer<u64> {
        match resources::writer(self.table, &handle)?.0.take() {
            Some(writer) => Ok(writer.finish().await.map_err(said)),
            None => Ok(Err(over())),
        }
    }

    /// Waits until what was written is thrown away.
    async fn drop(&mut self, handle: Resource<Writer>) -> wasmtime::Result<()> {
        if let Some(writer) = resources::drop_writer(self.table, handle)?.0
            && let Err(error) = writer.abort().await
        {
            tracing::warn!(%error, "an object that a plugin did not finish could not be thrown away");
        }
        Ok(())
    }
}

fn over() -> wit::Error {
    wit::Error::Other("a writer was used after finish".to_owned())
}
