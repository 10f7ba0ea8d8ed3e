//! What can go wrong in a storage backend.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::StorageKey;

/// The result of a storage operation.
pub type Result<T> = std::result::Result<T, StorageError>;

/// What kind of failure it is: what the caller decides by. The cases are those of the WIT variant `wharf:storage/types.error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No object under this key.
    NotFound,
    /// There is an object already, and it should not be replaced.
    AlreadyExists,
    /// Somebody else is writing there now, or the object is not as long as the writer assumed. Look again, then retry.
    Conflict,
    /// The range starts behind the object's end.
    RangeNotSatisfiable,
    /// The object is larger than the caller wants to hold.
    TooLarge,
    /// The backend is full.
    NoSpace,
    /// The backend refuses us: rights, credentials, a read-only file system.
    PermissionDenied,
    /// The backend is overloaded or away; the same call may succeed later.
    Unavailable {
        /// When, if the backend said.
        retry_after: Option<Duration>,
    },
    /// This backend can't do this at all.
    Unsupported,
    /// What is stored contradicts itself (an object shorter than announced, a link that is no digest).
    Corrupt,
    /// Anything else.
    Other,
}

/// A failed storage operation: which, on what, and why. Its text is for the operator's log; clients get an OCI error code.
#[derive(Debug)]
pub struct StorageError {
    kind: ErrorKind,
    operation: &'static str,
    key: String,
    sentence: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StorageError {
    /// A failure of `operation` on `key`.
    pub fn new(kind: ErrorKind, operation: &'static str, key: &StorageKey) -> Self {
        Self { kind, operation, key: key.as_str().to_owned(), sentence: None, source: None }
    }

    /// The same with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same with a sentence for the operator, which is shown in place of the cause.
    #[must_use]
    pub fn with_sentence(mut self, sentence: String) -> Self {
        self.sentence = Some(sentence);
        self
    }

    /// A failure whose kind an I/O error tells.
    pub fn from_io(error: std::io::Error, operation: &'static str, key: &StorageKey) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            // A component of the path is a plain file: then there is no object of this name either.
            Io::NotFound | Io::NotADirectory => ErrorKind::NotFound,
            Io::AlreadyExists => ErrorKind::AlreadyExists,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            Io::StorageFull | Io::QuotaExceeded => ErrorKind::NoSpace,
            Io::UnexpectedEof => ErrorKind::Corrupt,
            Io::TimedOut | Io::ResourceBusy => ErrorKind::Unavailable { retry_after: None },
            // Too many open files, in this process or in the whole system: it passes.
            _ if matches!(error.raw_os_error(), Some(23 | 24)) => ErrorKind::Unavailable { retry_after: None },
            _ => ErrorKind::Other,
        };
        Self::new(kind, operation, key).with_source(error)
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the object is simply not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable { .. })
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storage: {} of {:?} failed ({:?})", self.operation, self.key, self.kind)?;
        match (&self.sentence, &self.source) {
            (Some(sentence), _) => write!(f, ": {sentence}"),
            (None, Some(source)) => write!(f, ": {source}"),
            (None, None) => Ok(()),
        }
    }
}

impl StdError for StorageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// Turns "not found" into `None`, so that looking for something is not an error path.
pub trait OptionalExt<T> {
    /// `Ok(None)` when the object is not there.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExt<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
