//! A stream that a component has handed over (`wharf:storage/streams`).

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

/// In its instance's table.
pub(super) enum Stream {
    In(Resource<DynInputStream>),
    Out(Resource<DynOutputStream>),
}

impl Stream {
    /// Drops it, which must be done before the reader or writer that it came from goes.
    pub(super) async fn drop_from(self, table: &mut ResourceTable) {
        match self {
            Self::In(stream) => {
                if let Ok(mut stream) = table.delete(stream) {
                    stream.cancel().await;
                }
            }
            Self::Out(stream) => {
                if let Ok(mut stream) = table.delete(stream) {
                    stream.cancel().await;
                }
            }
        }
    }
}
