//! A storage backend that is a component: the trait [`Storage`] over `wharf:storage`.
//!
//! The component exports `backend`, and what it likes of `small-objects`, `batches`, `server-side`, `presigning` and
//! `streams`; what is missing is made of `backend` here. A call takes an instance from the pool for as long as it lasts; a
//! reader or a writer keeps one to itself, of the version that it began on, whatever is swapped meanwhile.
//!
//! A component is trusted with bytes, never with the server: what it says is checked against the contract (lengths of readers,
//! order and names of listings, sizes of finished objects), and a lie is an error that names the plugin.
//!
//! | Module | What it does |
//! |---|---|
//! | [`world`], [`exports`] | what a storage component is, for the host |
//! | [`session`], [`transfer`] | an instance for one call; an instance kept by a reader or a writer |
//! | [`reader`], [`writer`], [`whole`] | objects in pieces and in one |
//! | [`stream`], [`passing`] | streams that a component hands over, and the bytes that pass it by in them |
//! | [`list`] | listings, checked; children where the component lists only subtrees |
//! | [`commit`], [`compose`] | several changes at once; copies, assemblies, deletes |
//! | [`layer`] | the other side: what a component that stands before another backend sees of it |

mod commit;
mod compose;
mod convert;
mod errors;
mod exports;
mod layer;
mod list;
mod passing;
mod reader;
mod session;
mod stream;
mod transfer;
mod whole;
mod world;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use wharf_bindings::storage::wharf::storage::types as wit;

use super::error::LoadError;
use super::host::{Host, OpenError};
use super::sandbox::Sandbox;
use super::slot::{Slot, Spec};
use super::source::Source;
use crate::config::plugin::Plugin;
use crate::storage::file::Files;
use crate::storage::{
    ByteRange, Capabilities, Change, ListPage, ListRequest, ObjectMeta, ReadStream, Result, Storage, StorageKey,
    Unfinished, UnfinishedPage, WriteOptions, Writer,
};
use layer::Lower;
use session::ask;
pub use world::StorageWorld;

/// A storage backend that is a component.
pub struct PluginStorage {
    slot: Arc<Slot<StorageWorld>>,
    /// Readers and writers at once: fewer than there can be instances, so that short calls always find one. A request that
    /// writes a blob also makes short calls meanwhile, and would otherwise wait for others that wait for it.
    transfers: Arc<Semaphore>,
    transfers_max: u32,
    /// For components whose objects are files.
    files: Files,
    /// What a layer stands before.
    below: Option<Arc<dyn Storage>>,
}

impl PluginStorage {
    /// Loads the component of a configuration, and puts it into service as `name`. `below` is the backend that a layer stands
    /// before.
    ///
    /// # Errors
    /// When it can't be loaded, when a layer has nothing below it, or when something is below that is no layer.
    pub async fn open(
        host: &Host,
        name: &str,
        plugin: &Plugin,
        below: Option<Arc<dyn Storage>>,
    ) -> std::result::Result<Self, OpenError> {
        let has_below = below.is_some();
        let prepare = below.clone().map(|below| {
            let lower = Lower(below);
            Arc::new(move |sandbox: &mut Sandbox| drop(sandbox.extensions.insert(lower.clone()))) as Arc<_>
        });
        let source = Source::parse(&plugin.component);
        let spec = Spec { name: name.into(), source, plugin: plugin.clone(), prepare };
        let slot = host.open_spec::<StorageWorld>(spec).await?;
        match (slot.version().world().is_layer(), has_below) {
            (true, false) => return Err(refused(name, NOTHING_BELOW)),
            (false, true) => return Err(refused(name, NO_LAYER)),
            _ => {}
        }
        let transfers_max = (slot.plugin().limits.instances_max * 3 / 4).max(1);
        let transfers = Arc::new(Semaphore::new(transfers_max as usize));
        Ok(Self { slot, transfers, transfers_max, files: Files::new(BUFFERS_MAX), below })
    }
}

/// How many buffers for reading files (256 KiB each) are kept for the next reader.
const BUFFERS_MAX: usize = 32;

const NOTHING_BELOW: &str = "this component imports wharf:storage/backend: it stands before another backend; configure that one \
                             beside it, such as storage.filesystem";
const NO_LAYER: &str = "this component keeps objects itself: it does not import wharf:storage/backend, so there can be no \
                        other driver beside storage.plugin; remove one of them";

fn refused(name: &str, sentence: &str) -> OpenError {
    OpenError { plugin: name.to_owned(), error: LoadError::World(sentence.to_owned()) }
}

#[async_trait]
impl Storage for PluginStorage {
    fn name(&self) -> &str {
        self.slot.name()
    }

    fn capabilities(&self) -> Capabilities {
        let found = self.found();
        let told = |flag| found.flags.contains(flag);
        Capabilities {
            append: told(wit::CapabilityFlags::APPEND),
            conditional_put: told(wit::CapabilityFlags::CONDITIONAL_PUT),
            server_side_assemble: told(wit::CapabilityFlags::SERVER_SIDE_ASSEMBLE) && found.server_side,
            presign: found.presigning,
            remote: told(wit::CapabilityFlags::REMOTE),
        }
    }

    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        let (call, name) = (self.call("stat", key), convert::name(key));
        let meta = ask!(self, &call, |store, exports| exports.backend.wharf_storage_backend().call_stat(store, &name));
        Ok(convert::meta(meta?))
    }

    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        self.get_whole(key, bytes_max).await
    }

    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        self.open_stream(key, range).await
    }

    async fn write(&self, key: &StorageKey, options: WriteOptions) -> Result<Box<dyn Writer>> {
        let call = self.call("write", key);
        let place = self.places(1, &call).await?;
        Ok(Box::new(self.open_writer(call, place, options).await?))
    }

    async fn put(&self, key: &StorageKey, content: Bytes, options: WriteOptions) -> Result<()> {
        self.put_whole(key, &content, options).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.commit_all(changes).await
    }

    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        self.delete_keys(keys).await
    }

    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        self.delete_beneath(prefix).await
    }

    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.list_all(request).await
    }

    /// Those of the backend below. A layer can't be asked: what its own writes have begun there is out of its sight as
    /// well. Where it keeps names as they are, they are found by their names.
    async fn list_unfinished(&self, prefix: &StorageKey, after: Option<&Unfinished>) -> Result<UnfinishedPage> {
        match &self.below {
            Some(below) => below.list_unfinished(prefix, after).await,
            None => Ok(UnfinishedPage::default()),
        }
    }

    async fn abort_unfinished(&self, write: &Unfinished) -> Result<()> {
        match &self.below {
            Some(below) => below.abort_unfinished(write).await,
            None => Ok(()),
        }
    }

    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.copy_object(from, to).await
    }

    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.assemble_parts(parts, key).await
    }

    async fn url(&self, key: &StorageKey, seconds: u64) -> Result<Option<String>> {
        self.url_of(key, seconds).await
    }
}
