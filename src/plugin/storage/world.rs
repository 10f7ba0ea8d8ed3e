//! The world `wharf:storage/storage-backend`, for the host.

use std::sync::{Arc, OnceLock};

use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};
use wharf_bindings::storage::wharf::storage::types as wit;

use super::exports::{Exports, Indices};
use super::layer;
use crate::plugin::error::{ConfigProblem, InitError};
use crate::plugin::sandbox::Sandbox;
use crate::plugin::world::World;

/// A storage component that is linked, and what was found out about it.
pub struct StorageWorld {
    component: InstancePre<Sandbox>,
    indices: Indices,
    /// Asked once, of the first instance.
    flags: Arc<OnceLock<wit::CapabilityFlags>>,
}

/// What a component has and can.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) flags: wit::CapabilityFlags,
    pub(super) small_objects: bool,
    pub(super) batches: bool,
    pub(super) server_side: bool,
    pub(super) presigning: bool,
}

/// One instance's exports.
pub struct Guest {
    pub(super) exports: Exports,
}

impl StorageWorld {
    pub(super) fn found(&self) -> Found {
        Found {
            flags: self.flags.get().copied().unwrap_or(wit::CapabilityFlags::empty()),
            small_objects: self.indices.small_objects.is_some(),
            batches: self.indices.batches.is_some(),
            server_side: self.indices.server_side.is_some(),
            presigning: self.indices.presigning.is_some(),
        }
    }

    /// Whether the component stands before another backend: whether it imports one.
    pub fn is_layer(&self) -> bool {
        let engine = self.component.engine();
        let kind = self.component.component().component_type();
        kind.imports(engine).any(|(name, _)| name.starts_with(layer::IMPORT))
    }
}

impl World for StorageWorld {
    const NAME: &'static str = "wharf:storage/storage-backend";
    const EXPORT: &'static str = "wharf:storage/backend@0.1.0";
    /// Objects are the same for everybody, and instances may not remember anything that counts.
    const FRESH_WHEN_CHEAP: bool = false;
    type Guest = Guest;

    fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
        layer::link(linker)
    }

    fn bind(component: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        let indices = Indices::new(&component)?;
        Ok(Self { component, indices, flags: Arc::default() })
    }

    async fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Guest> {
        let instance = self.component.instantiate_async(&mut *store).await?;
        Ok(Guest { exports: self.indices.load(store, &instance, &self.flags)? })
    }

    async fn init(guest: &Guest, store: &mut Store<Sandbox>) -> wasmtime::Result<Result<(), InitError>> {
        let backend = guest.exports.backend.wharf_storage_backend();
        if let Err(refused) = backend.call_init(&mut *store).await? {
            return Ok(Err(told(refused)));
        }
        if guest.exports.flags.get().is_none() {
            let flags = backend.call_capabilities(store).await?;
            if flags.contains(wit::CapabilityFlags::SERVER_SIDE_ASSEMBLE) && guest.exports.server_side.is_none() {
                let sentence = "capabilities tell server-side-assemble, but the component does not export \
                                wharf:storage/server-side";
                return Ok(Err(InitError::Other(sentence.to_owned())));
            }
            let _ = guest.exports.flags.set(flags);
        }
        Ok(Ok(()))
    }

    async fn health(guest: &Guest, store: &mut Store<Sandbox>) -> wasmtime::Result<Result<(), String>> {
        let health = guest.exports.backend.wharf_storage_backend().call_health(store).await?;
        Ok(health.map_err(|error| super::errors::sentence(&error)))
    }
}

fn told(error: wit::InitError) -> InitError {
    match error {
        wit::InitError::Config(problems) => {
            let problem = |at: wit::ConfigProblem| ConfigProblem { key: at.key, problem: at.problem };
            InitError::Config(problems.into_iter().map(problem).collect())
        }
        wit::InitError::Unavailable(reason) => InitError::Unavailable(reason),
        wit::InitError::Other(reason) => InitError::Other(reason),
    }
}
