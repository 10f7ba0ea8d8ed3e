//! What a storage component exports: `backend` always, the other interfaces where it has something better to offer than what
//! the host makes of `backend`.

use std::sync::{Arc, OnceLock};

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Result};
use wharf_bindings::batches::{Batches, BatchesIndices};
use wharf_bindings::presigning::{Presigning, PresigningIndices};
use wharf_bindings::server_side::{ServerSide, ServerSideIndices};
use wharf_bindings::small_objects::{SmallObjects, SmallObjectsIndices};
use wharf_bindings::storage::wharf::storage::types::CapabilityFlags;
use wharf_bindings::storage::{StorageBackend, StorageBackendIndices};
use wharf_bindings::streams::{Streams, StreamsIndices};

/// Where a component has its interfaces; found once per component.
pub(super) struct Indices {
    backend: StorageBackendIndices,
    pub(super) small_objects: Option<SmallObjectsIndices>,
    pub(super) batches: Option<BatchesIndices>,
    pub(super) server_side: Option<ServerSideIndices>,
    pub(super) presigning: Option<PresigningIndices>,
    streams: Option<StreamsIndices>,
}

impl Indices {
    /// Looks them up.
    ///
    /// # Errors
    /// When the component does not export `wharf:storage/backend` in the shape that this server knows.
    pub(super) fn new<T>(pre: &InstancePre<T>) -> Result<Self> {
        Ok(Self {
            backend: StorageBackendIndices::new(pre)?,
            small_objects: SmallObjectsIndices::new(pre).ok(),
            batches: BatchesIndices::new(pre).ok(),
            server_side: ServerSideIndices::new(pre).ok(),
            presigning: PresigningIndices::new(pre).ok(),
            streams: StreamsIndices::new(pre).ok(),
        })
    }

    /// The interfaces of one instance.
    pub(super) fn load(
        &self,
        mut store: impl AsContextMut,
        instance: &Instance,
        flags: &Arc<OnceLock<CapabilityFlags>>,
    ) -> Result<Exports> {
        let mut context = store.as_context_mut();
        Ok(Exports {
            backend: self.backend.load(&mut context, instance)?,
            small_objects: self.small_objects.as_ref().map(|found| found.load(&mut context, instance)).transpose()?,
            batches: self.batches.as_ref().map(|found| found.load(&mut context, instance)).transpose()?,
            server_side: self.server_side.as_ref().map(|found| found.load(&mut context, instance)).transpose()?,
            presigning: self.presigning.as_ref().map(|found| found.load(&mut context, instance)).transpose()?,
            streams: self.streams.as_ref().map(|found| found.load(&mut context, instance)).transpose()?,
            flags: Arc::clone(flags),
        })
    }
}

/// The interfaces of one instance.
pub(super) struct Exports {
    pub(super) backend: StorageBackend,
    pub(super) small_objects: Option<SmallObjects>,
    pub(super) batches: Option<Batches>,
    pub(super) server_side: Option<ServerSide>,
    pub(super) presigning: Option<Presigning>,
    pub(super) streams: Option<Streams>,
    /// Empty until its component was asked, which is before the first call.
    pub(super) flags: Arc<OnceLock<CapabilityFlags>>,
}

impl Exports {
    /// Whether this very version tells it; another one may be in service by now.
    pub(super) fn can(&self, flag: CapabilityFlags) -> bool {
        self.flags.get().is_some_and(|flags| flags.contains(flag))
    }
}
