//! A storage layer: keeps everything under a prefix of the storage below, so that two registries can share one.
//!
//! What is below has the same interface as what is exported here. A layer changes keys, bytes, or both: this one changes keys
//! only. The host reads and writes through `ObjectReader` and `ObjectWriter`, where a layer that changes bytes does its work.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });
}

use bindings::exports::wharf::storage::backend::{
    ByteRange, CapabilityFlags, Error, Guest, GuestReader, GuestWriter, InitError, Key, ListPage, ListRequest, ObjectMeta,
    Opened, Reader, WriteOptions, Writer,
};
use bindings::wasi::config::store;
use bindings::wharf::storage::backend as below;
use bindings::wharf::storage::types::ConfigProblem;

struct Plugin;

bindings::export!(Plugin with_types_in bindings);

impl Guest for Plugin {
    type Reader = ObjectReader;
    type Writer = ObjectWriter;

    /// Called once on each new instance; what is below has been started by the host.
    fn init() -> Result<(), InitError> {
        let prefix = prefix();
        if prefix.is_empty() || prefix.starts_with('/') || prefix.ends_with('/') {
            return Err(InitError::Config(vec![ConfigProblem {
                key: "prefix".to_owned(),
                problem: "is empty, or begins or ends with a slash".to_owned(),
            }]));
        }
        Ok(())
    }

    fn health() -> Result<(), Error> {
        below::health()
    }

    /// A layer tells only what it can pass on or do itself.
    fn capabilities() -> CapabilityFlags {
        // `server-side-assemble` speaks of an interface that this component does not export.
        below::capabilities() & !CapabilityFlags::SERVER_SIDE_ASSEMBLE
    }

    fn stat(key: Key) -> Result<ObjectMeta, Error> {
        below::stat(&moved(&key))
    }

    fn read(key: Key, range: ByteRange) -> Result<Opened, Error> {
        let opened = below::read(&moved(&key), range)?;
        Ok(Opened { meta: opened.meta, body: Reader::new(ObjectReader(opened.body)) })
    }

    fn write(key: Key, options: WriteOptions) -> Result<Writer, Error> {
        below::write(&moved(&key), options).map(|writer| Writer::new(ObjectWriter(writer)))
    }

    fn delete(keys: Vec<Key>) -> Result<(), Error> {
        let keys: Vec<Key> = keys.iter().map(|key| moved(key)).collect();
        below::delete(&keys)
    }

    /// What a listing shows is relative to its prefix, so only that is moved.
    fn list(mut request: ListRequest) -> Result<ListPage, Error> {
        request.prefix = moved(&request.prefix);
        below::list(&request)
    }
}

/// An object that is being read. Dropping it drops the one below.
struct ObjectReader(below::Reader);

impl GuestReader for ObjectReader {
    fn read(&self, bytes_max: u32) -> Result<Vec<u8>, Error> {
        self.0.read(bytes_max)
    }
}

/// An object that is being written. Dropping it drops the one below, which leaves nothing unless it was finished.
struct ObjectWriter(below::Writer);

impl GuestWriter for ObjectWriter {
    fn write(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.0.write(&chunk)
    }

    fn finish(&self) -> Result<u64, Error> {
        self.0.finish()
    }
}

fn prefix() -> String {
    store::get("prefix").ok().flatten().unwrap_or_else(|| "shared".to_owned())
}

fn moved(key: &str) -> Key {
    format!("{}/{key}", prefix())
}
