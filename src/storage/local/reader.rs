//! Opening an object for reading: on the asynchronous thread when the kernel knows where it lies, on a blocking one otherwise.

use std::sync::Arc;

use super::disk::Disk;
use crate::storage::file::{Files, blocking};
use crate::storage::{ByteRange, ErrorKind, FileSlice, ReadStream, Result, StorageError, StorageKey};

/// Opens an object for reading.
pub(super) async fn open(disk: &Arc<Disk>, files: &Files, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
    let opened = match disk.open_cached("read", key) {
        Some(opened) => opened,
        None => {
            let (disk, key) = (Arc::clone(disk), key.clone());
            blocking("read", &key.clone(), move || disk.open_object("read", &key)).await
        }
    };
    let (file, meta) = opened?;
    let range =
        range.within(meta.size).ok_or_else(|| StorageError::new(ErrorKind::RangeNotSatisfiable, "read", key))?;
    Ok(files.open(meta, FileSlice::new(Arc::new(file), key.clone(), range)))
}
