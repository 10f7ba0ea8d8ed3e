//! What a component of the world `storage-layer` imports: the backend below it, which is one of the server's own or another
//! component. Every interface is there, whatever the backend below is made of.

mod backend;
mod more;
mod resources;

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wharf_bindings::layer::wharf::storage as imports;
use wharf_bindings::storage::wharf::storage::types as wit;

use super::super::sandbox::Sandbox;
use super::errors;
use crate::storage::{Storage, StorageError, StorageKey};

/// The interface whose import makes a storage component a layer.
pub(in crate::plugin) const IMPORT: &str = "wharf:storage/backend";

/// Adds the imports of `storage-layer`.
///
/// # Errors
/// When something of that name is there already.
pub(in crate::plugin) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    imports::backend::add_to_linker::<_, Below>(linker, below)?;
    imports::small_objects::add_to_linker::<_, Below>(linker, below)?;
    imports::batches::add_to_linker::<_, Below>(linker, below)?;
    imports::server_side::add_to_linker::<_, Below>(linker, below)?;
    imports::presigning::add_to_linker::<_, Below>(linker, below)
}

/// The backend below, for the sandbox of each instance: see [`Spec::prepare`](crate::plugin::Spec).
#[derive(Clone)]
pub(super) struct Lower(pub(super) Arc<dyn Storage>);

fn below(sandbox: &mut Sandbox) -> View<'_> {
    let storage = sandbox.extensions.get::<Lower>().map(|Lower(storage)| Arc::clone(storage));
    View { storage, table: sandbox.ctx().table }
}

/// The view, as `bindgen!` wants it told.
struct Below;

impl HasData for Below {
    type Data<'a> = View<'a>;
}

/// The backend below one instance, and what the instance has open in it.
struct View<'a> {
    storage: Option<Arc<dyn Storage>>,
    table: &'a mut ResourceTable,
}

/// What a call answers, inside of what ends the instance.
type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl View<'_> {
    fn storage(&self) -> Result<&Arc<dyn Storage>, wit::Error> {
        self.storage.as_ref().ok_or_else(|| wit::Error::Other("there is no backend below this plugin".to_owned()))
    }
}

/// What the component gave as a key.
fn key(text: String) -> Result<StorageKey, wit::Error> {
    StorageKey::parse(text).map_err(|error| wit::Error::Other(error.to_string()))
}

fn keys(texts: Vec<String>) -> Result<Vec<StorageKey>, wit::Error> {
    texts.into_iter().map(key).collect()
}

fn said(error: StorageError) -> wit::Error {
    errors::into_wit(&error)
}
