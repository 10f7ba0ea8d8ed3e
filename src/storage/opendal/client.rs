//! Calling an operator: timed, and again where that is harmless.
//!
//! Over a network most repetition is done below, request by request. What is repeated here is what only the operator's answer
//! tells, and what goes on in the middle of an object.

use std::future::Future;
use std::time::Duration;

use ::opendal::{Error, ErrorKind as Kind, Metadata, Operator};

use super::{OpendalOptions, Quirks};
use crate::storage::{ErrorKind, ObjectMeta, Result, StorageError, StorageKey};

const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Codes and words of stores that are full.
const FULL: [&str; 6] =
    ["QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "no space left", "disk full"];

/// What the error of a request is that was given up although it may succeed later. It is not repeated again up here.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct TryLater {
    /// When, if the store said.
    pub after: Option<Duration>,
    /// What the last attempt failed of.
    #[source]
    pub cause: Error,
}

pub(super) struct Client {
    pub(super) operator: Operator,
    pub(super) options: OpendalOptions,
    pub(super) quirks: Quirks,
}

impl Client {
    pub(super) fn new(operator: Operator, options: OpendalOptions, quirks: Quirks) -> Self {
        Self { operator, options, quirks }
    }

    /// The operator's path for a key. It trims white space, so a key with some at an end would become another one.
    pub(super) fn path<'k>(&self, operation: &'static str, key: &'k StorageKey) -> Result<&'k str> {
        let path = key.as_str();
        if path.trim() == path {
            Ok(path)
        } else {
            Err(StorageError::new(ErrorKind::Unsupported, operation, key)
                .with_source("this backend allows no white space at an end of a key"))
        }
    }

    /// One call, once.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        key: &StorageKey,
        call: impl Future<Output = ::opendal::Result<T>>,
    ) -> Result<T> {
        self.call_within(self.options.call_time_max, operation, key, call).await
    }

    /// One call that may take `time`.
    pub(super) async fn call_within<T>(
        &self,
        time: Duration,
        operation: &'static str,
        key: &StorageKey,
        call: impl Future<Output = ::opendal::Result<T>>,
    ) -> Result<T> {
        self.attempt(time, call).await.map_err(|failure| self.fail(failure, operation, key))
    }

    async fn attempt<T>(
        &self,
        time: Duration,
        call: impl Future<Output = ::opendal::Result<T>>,
    ) -> std::result::Result<T, Failure> {
        match tokio::time::timeout(time, call).await {
            Ok(outcome) => outcome.map_err(Failure::Said),
            Err(_) => Err(Failure::TimedOut(time)),
        }
    }

    /// A call that may be repeated: done twice, it has the effect of once.
    pub(super) async fn retry<T, F: Future<Output = ::opendal::Result<T>>>(
        &self,
        operation: &'static str,
        key: &StorageKey,
        call: impl Fn() -> F,
    ) -> Result<T> {
        self.retry_within(self.options.call_time_max, operation, key, call).await
    }

    /// The same, where each attempt may take `time`.
    pub(super) async fn retry_within<T, F: Future<Output = ::opendal::Result<T>>>(
        &self,
        time: Duration,
        operation: &'static str,
        key: &StorageKey,
        call: impl Fn() -> F,
    ) -> Result<T> {
        let mut attempt = 1;
        loop {
            match self.attempt(time, call()).await {
                Err(failure) if failure.may_pass() && attempt < self.options.attempts_max.get() => {
                    self.pause(attempt).await;
                    attempt += 1;
                }
                outcome => return outcome.map_err(|failure| self.fail(failure, operation, key)),
            }
        }
    }

    /// Waits before the attempt that follows this one.
    pub(super) async fn pause(&self, attempt: usize) {
        tokio::time::sleep(pause_before(self.options.pause, PAUSE_MAX, attempt)).await;
    }

    /// A failed call, with what is behind it where somebody can tell.
    pub(super) fn fail(&self, failure: Failure, operation: &'static str, key: &StorageKey) -> StorageError {
        let error = failure.into_error(operation, key);
        match &self.options.explain {
            Some(explain) if is_of_the_store(error.kind()) => {
                let sentence = explain(&error);
                error.with_sentence(sentence)
            }
            _ => error,
        }
    }

    /// Size and age, of objects only.
    pub(super) async fn stat(&self, operation: &'static str, key: &StorageKey) -> Result<ObjectMeta> {
        let path = self.path(operation, key)?;
        let metadata = self.retry(operation, key, || self.operator.stat(path)).await?;
        if metadata.is_dir() {
            return Err(StorageError::new(ErrorKind::NotFound, operation, key));
        }
        Ok(object_meta(&metadata))
    }
}

pub(super) fn object_meta(metadata: &Metadata) -> ObjectMeta {
    ObjectMeta { size: metadata.content_length(), modified: metadata.last_modified().map(Into::into) }
}

/// Whether a failure says something about the store or the way to it, and not about one object.
fn is_of_the_store(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(kind, K::PermissionDenied | K::NoSpace | K::Unavailable { .. } | K::Other)
}

/// A random time to wait after this many attempts, longer after more of them, so that those who failed together do not come
/// back together.
pub fn pause_before(first: Duration, longest: Duration, attempts: usize) -> Duration {
    let longest = first.saturating_mul(1 << attempts.clamp(1, 10).saturating_sub(1)).min(longest);
    let part = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    longest.mul_f64(part)
}

/// Why a call failed.
pub(super) enum Failure {
    Said(Error),
    /// The bytes of an object ended as if it were complete, so many before its end.
    Short(u64),
    TimedOut(Duration),
}

impl Failure {
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Said(error) if leads_through_a_file(error) || is_full(error) => false,
            Self::Said(error) if is_collision(error) => true,
            Self::Said(error) if error.is_persistent() => false,
            Self::Said(error) => error.is_temporary() || error.kind() == Kind::RateLimited,
            Self::Short(_) => true,
            Self::TimedOut(_) => true,
        }
    }

    pub(super) fn into_error(self, operation: &'static str, key: &StorageKey) -> StorageError {
        match self {
            Self::Said(error) => failed(error, operation, key),
            Self::Short(missing) => StorageError::new(ErrorKind::Corrupt, operation, key)
                .with_source(format!("it ended {missing} bytes too early")),
            Self::TimedOut(after) => StorageError::new(ErrorKind::Unavailable { retry_after: None }, operation, key)
                .with_source(format!("no answer after {} s", after.as_secs())),
        }
    }
}

/// Another request to the same place was under way: Amazon's words for it, and those of servers that keep keys as files and
/// whose directory was just being removed. MinIO then says that access is denied.
fn is_collision(error: &Error) -> bool {
    let codes = ["\"OperationAborted\"", "\"ConditionalRequestConflict\"", "\"ExistingObjectIsDirectory\""];
    let denied = error.kind() == Kind::PermissionDenied && error.message().contains("\"AccessDenied\"");
    codes.iter().any(|code| error.message().contains(code))
        || (denied && error.to_string().contains("\"server\": \"MinIO\""))
}

fn is_full(error: &Error) -> bool {
    FULL.iter().any(|words| error.message().contains(words))
}

/// The fs service does not tell a file in the middle of a path from other failures.
fn leads_through_a_file(error: &Error) -> bool {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotADirectory)
}

/// The kind of failure behind an operator's error.
pub(super) fn failed(error: Error, operation: &'static str, key: &StorageKey) -> StorageError {
    let later = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<TryLater>());
    let kind = match error.kind() {
        _ if is_full(&error) => ErrorKind::NoSpace,
        _ if later.is_some() => ErrorKind::Unavailable { retry_after: later.and_then(|later| later.after) },
        _ if leads_through_a_file(&error) => ErrorKind::NotFound,
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory => ErrorKind::NotFound,
        Kind::PermissionDenied | Kind::ConfigInvalid => ErrorKind::PermissionDenied,
        Kind::AlreadyExists | Kind::ConditionNotMatch => ErrorKind::AlreadyExists,
        Kind::Conflict => ErrorKind::Conflict,
        Kind::RangeNotSatisfied => ErrorKind::RangeNotSatisfiable,
        // Azure's comes without a kind.
        Kind::Unexpected if error.to_string().contains("status: 416") => ErrorKind::RangeNotSatisfiable,
        Kind::RateLimited => ErrorKind::Unavailable { retry_after: None },
        Kind::Unsupported => ErrorKind::Unsupported,
        _ if error.is_temporary() => ErrorKind::Unavailable { retry_after: None },
        _ => ErrorKind::Other,
    };
    StorageError::new(kind, operation, key).with_source(error)
}
