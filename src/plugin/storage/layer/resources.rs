//! Readers and writers of the backend below, as they lie in an instance's table.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use wasmtime::component::{Resource, ResourceTable};
use wharf_bindings::layer::wharf::storage::backend as imports;
use wharf_bindings::storage::wharf::storage::types as wit;

use super::said;
use crate::storage::{Result as Stored, Writer};

/// An opened object.
pub(super) struct LowerReader {
    pub(super) body: BoxStream<'static, Stored<Bytes>>,
    /// Of the last piece, what was not asked for yet.
    pub(super) rest: Bytes,
}

impl LowerReader {
    /// The next bytes, at most `bytes_max` of them; none at the end.
    pub(super) async fn read(&mut self, bytes_max: u32) -> Result<Bytes, wit::Error> {
        let bytes_max = bytes_max as usize;
        if bytes_max == 0 {
            return Err(wit::Error::Other("a reader was asked for 0 bytes".to_owned()));
        }
        while self.rest.is_empty() {
            match self.body.next().await {
                Some(piece) => self.rest = piece.map_err(said)?,
                None => return Ok(Bytes::new()),
            }
        }
        Ok(self.rest.split_to(self.rest.len().min(bytes_max)))
    }
}

/// An object being written; `None` once it is finished or has failed.
pub(super) struct LowerWriter(pub(super) Option<Box<dyn Writer>>);

// The handle that a component holds names a type of the bindings that has no values; in the table stands ours.

pub(super) fn push_reader(
    table: &mut ResourceTable,
    reader: LowerReader,
) -> wasmtime::Result<Resource<imports::Reader>> {
    Ok(Resource::new_own(push(table, reader)?))
}

pub(super) fn push_writer(
    table: &mut ResourceTable,
    writer: LowerWriter,
) -> wasmtime::Result<Resource<imports::Writer>> {
    Ok(Resource::new_own(push(table, writer)?))
}

fn push<T: Send + 'static>(table: &mut ResourceTable, value: T) -> wasmtime::Result<u32> {
    Ok(table.push(value)?.rep())
}

pub(super) fn reader<'t>(
    table: &'t mut ResourceTable,
    handle: &Resource<imports::Reader>,
) -> wasmtime::Result<&'t mut LowerReader> {
    Ok(table.get_mut(&Resource::<LowerReader>::new_borrow(handle.rep()))?)
}

pub(super) fn writer<'t>(
    table: &'t mut ResourceTable,
    handle: &Resource<imports::Writer>,
) -> wasmtime::Result<&'t mut LowerWriter> {
    Ok(table.get_mut(&Resource::<LowerWriter>::new_borrow(handle.rep()))?)
}

pub(super) fn drop_reader(table: &mut ResourceTable, handle: Resource<imports::Reader>) -> wasmtime::Result<()> {
    table.delete(Resource::<LowerReader>::new_own(handle.rep()))?;
    Ok(())
}

pub(super) fn drop_writer(
    table: &mut ResourceTable,
    handle: Resource<imports::Writer>,
) -> wasmtime::Result<LowerWriter> {
    Ok(table.delete(Resource::<LowerWriter>::new_own(handle.rep()))?)
}
