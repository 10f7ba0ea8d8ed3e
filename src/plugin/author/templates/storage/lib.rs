//! A storage backend: keeps the registry's objects as files in the directory that the operator grants under `/data`.
//!
//! Object `a/b` is the file `objects/a.d/b.o`: keys are flat, so there may be objects `a` and `a/b` at the same time, and a file
//! system can't have a file and a directory of one name. Objects are written under `new/` and renamed when they are finished,
//! so that nobody ever sees half of one. Replace the file system by what you need; `listing.rs` can stay if yours has no order.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "plugin", generate_all });
}
mod files;
mod listing;

use std::cell::Cell;

use bindings::exports::wharf::storage::backend::{
    ByteRange, CapabilityFlags, Error, Guest, GuestReader, GuestWriter, InitError, Key, ListPage, ListRequest, ObjectMeta,
    Opened, Reader, WriteOptions, Writer,
};
use files::File;

struct Plugin;

bindings::export!(Plugin with_types_in bindings);

impl Guest for Plugin {
    type Reader = ObjectReader;
    type Writer = ObjectWriter;

    /// Called once on each new instance. Check the configuration here, and keep it cheap.
    fn init() -> Result<(), InitError> {
        files::prepare().map_err(InitError::Other)
    }

    /// Asked before this component takes over from another one, and by the health checks.
    fn health() -> Result<(), Error> {
        files::check()
    }

    /// What goes beyond the minimum: nothing.
    fn capabilities() -> CapabilityFlags {
        CapabilityFlags::empty()
    }

    fn stat(key: Key) -> Result<ObjectMeta, Error> {
        files::stat(&files::path_of(&key))
    }

    fn read(key: Key, range: ByteRange) -> Result<Opened, Error> {
        let file = File::open(&files::path_of(&key))?;
        let meta = file.meta()?;
        let size = meta.size_bytes;
        if range.offset_bytes > size {
            return Err(Error::RangeNotSatisfiable);
        }
        // A range that reaches behind the end is cut there.
        let end = range.length_bytes.map_or(size, |length| range.offset_bytes.saturating_add(length).min(size));
        let reader = ObjectReader { file, at: Cell::new(range.offset_bytes), end };
        Ok(Opened { meta, body: Reader::new(reader) })
    }

    fn write(key: Key, options: WriteOptions) -> Result<Writer, Error> {
        // The host sets these only when `capabilities` tells that they work.
        if options.if_absent || options.append_at_bytes.is_some() {
            return Err(Error::Unsupported);
        }
        let writer = ObjectWriter {
            staged: files::stage()?,
            path: files::path_of(&key),
            size: Cell::new(0),
            volatile: options.volatile,
            finished: Cell::new(false),
        };
        Ok(Writer::new(writer))
    }

    fn delete(keys: Vec<Key>) -> Result<(), Error> {
        keys.iter().try_for_each(|key| files::delete(&files::path_of(key)))
    }

    fn list(request: ListRequest) -> Result<ListPage, Error> {
        listing::page(&request)
    }
}

/// An object that is being read. The file stays open, so it is the same object to the end, whatever happens to its key.
struct ObjectReader {
    file: File,
    at: Cell<u64>,
    end: u64,
}

impl GuestReader for ObjectReader {
    fn read(&self, bytes_max: u32) -> Result<Vec<u8>, Error> {
        let at = self.at.get();
        let length = u64::from(bytes_max).min(self.end - at);
        if length == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.file.read(length, at)?;
        if bytes.is_empty() {
            return Err(Error::Corrupt("the file is shorter than it was".to_owned()));
        }
        self.at.set(at + bytes.len() as u64);
        Ok(bytes)
    }
}

/// An object that is being written, under a name that nobody else knows.
struct ObjectWriter {
    staged: files::Staged,
    path: String,
    size: Cell<u64>,
    volatile: bool,
    finished: Cell<bool>,
}

impl GuestWriter for ObjectWriter {
    fn write(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.staged.file.write(&chunk, self.size.get())?;
        self.size.set(self.size.get() + chunk.len() as u64);
        Ok(())
    }

    fn finish(&self) -> Result<u64, Error> {
        if !self.volatile {
            self.staged.file.sync()?;
        }
        files::publish(&self.staged, &self.path, !self.volatile)?;
        self.finished.set(true);
        Ok(self.size.get())
    }
}

/// The host drops a writer that it does not finish: nothing of it may stay.
impl Drop for ObjectWriter {
    fn drop(&mut self) {
        if !self.finished.get() {
            files::discard(&self.staged);
        }
    }
}
