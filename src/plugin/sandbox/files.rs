//! `wasi:filesystem`: which of an instance's streams are files.
//!
//! A storage component may hand a stream over instead of reading or writing it itself (`wharf:storage/streams`). If that stream
//! is a file, the host uses the file: the kernel can send it without any copy.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, HostDescriptor as _};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult, StreamResult};

use super::Sandbox;
use super::watched::{Watch, Watched};

/// The version of `wasi:filesystem` that wasmtime links; guests of every 0.2 get it.
const VERSION: &str = "0.2.12";

/// When so many are remembered, those that are gone are forgotten.
const FORGET_AT: usize = 32;

/// The file behind a stream.
struct Origin {
    file: Arc<std::fs::File>,
    offset: u64,
    /// Whether the component has read from the stream or written to it itself.
    used: AtomicBool,
}

/// The streams of one instance that are files, by their index in its table. When a stream is gone, so is its origin, which
/// nothing else keeps, and the index may be another resource's. A stream that leaves the table alive would keep its origin
/// under the old index: what then has that index could be taken for the file, which is one of the component's own.
#[derive(Default)]
pub struct FileStreams {
    origins: HashMap<u32, Weak<Origin>>,
}

impl FileStreams {
    fn remember(&mut self, index: u32, origin: &Arc<Origin>) {
        if self.origins.len() >= FORGET_AT {
            self.origins.retain(|_, origin| origin.strong_count() > 0);
        }
        self.origins.insert(index, Arc::downgrade(origin));
    }

    /// The file behind the stream of this index, and the position at which it begins; none when it is something else, or was used
    /// already.
    ///
    /// # Errors
    /// What the system says when the process can open no more files.
    pub fn file(&self, index: u32) -> io::Result<Option<(OwnedFd, u64)>> {
        match self.origins.get(&index).and_then(Weak::upgrade) {
            Some(origin) if !origin.used.load(Relaxed) => {
                Ok(Some((origin.file.as_fd().try_clone_to_owned()?, origin.offset)))
            }
            _ => Ok(None),
        }
    }
}

impl Watch for Arc<Origin> {
    fn came(&self, _: usize) -> StreamResult<()> {
        self.used.store(true, Relaxed);
        Ok(())
    }

    fn goes(&self, bytes: usize) -> StreamResult<()> {
        self.came(bytes)
    }
}

/// Adds what replaces wasmtime's own: the streams of files, remembered. To be called when the rest is linked.
pub fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    let mut types = linker.instance(&format!("wasi:filesystem/types@{VERSION}"))?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store, (file, offset): (Resource<Descriptor>, u64)| {
            let sandbox: &mut Sandbox = store.data_mut();
            let opened = sandbox.filesystem().read_via_stream(Resource::new_borrow(file.rep()), offset);
            Ok((remembered(sandbox, opened, &file, offset, |stream| Box::new(stream) as DynInputStream)?,))
        },
    )?;
    types.func_wrap("[method]descriptor.write-via-stream", |mut store, (file, offset): (Resource<Descriptor>, u64)| {
        let sandbox: &mut Sandbox = store.data_mut();
        let opened = sandbox.filesystem().write_via_stream(Resource::new_borrow(file.rep()), offset);
        Ok((remembered(sandbox, opened, &file, offset, |stream| Box::new(stream) as DynOutputStream)?,))
    })
}

/// A stream that was opened, with its file remembered.
fn remembered<S: Send + 'static>(
    sandbox: &mut Sandbox,
    opened: FsResult<Resource<S>>,
    file: &Resource<Descriptor>,
    offset: u64,
    wrap: impl FnOnce(Watched<S, Arc<Origin>>) -> S,
) -> wasmtime::Result<Result<Resource<S>, ErrorCode>> {
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => return error.downcast().map(Err),
    };
    let Descriptor::File(file) = sandbox.table.get(file)? else { return Ok(Ok(stream)) };
    let origin = Arc::new(Origin { file: Arc::clone(&file.file), offset, used: AtomicBool::new(false) });
    let inner = sandbox.table.delete(stream)?;
    let stream = sandbox.table.push(wrap(Watched { inner, watch: Arc::clone(&origin) }))?;
    sandbox.files.remember(stream.rep(), &origin);
    Ok(Ok(stream))
}
