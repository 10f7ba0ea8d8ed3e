//! From what the system says to what the caller can decide by.

use rustix::io::Errno;

use crate::storage::{ErrorKind, Result, StorageError, StorageKey};

/// A failure to read or delete. A name that the file system can't hold names nothing.
pub(in crate::storage) fn reading(errno: Errno, operation: &'static str, key: &StorageKey) -> StorageError {
    match errno {
        Errno::NAMETOOLONG => StorageError::new(ErrorKind::NotFound, operation, key),
        _ => StorageError::from_io(errno.into(), operation, key),
    }
}

/// A failure to write: what can't be stored here is told apart from what is not there.
pub(in crate::storage) fn writing(errno: Errno, operation: &'static str, key: &StorageKey) -> StorageError {
    let unsupported = |why: &str| StorageError::new(ErrorKind::Unsupported, operation, key).with_source(why.to_owned());
    match errno {
        Errno::NAMETOOLONG => unsupported("the file system allows no name as long (255 bytes between two slashes)"),
        Errno::NOTDIR => unsupported("an object stands where this key needs a directory"),
        Errno::ISDIR | Errno::NOTEMPTY => unsupported("a directory stands where this object would be"),
        Errno::FBIG => StorageError::new(ErrorKind::NoSpace, operation, key).with_source(std::io::Error::from(errno)),
        Errno::NOENT => StorageError::new(ErrorKind::Unavailable { retry_after: None }, operation, key)
            .with_source("its directory was removed again and again while it was written"),
        _ => StorageError::from_io(errno.into(), operation, key),
    }
}

/// Runs `work` on a thread that may block.
pub(in crate::storage) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    key: &StorageKey,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StorageError::new(ErrorKind::Other, operation, key).with_source(error)),
    }
}
