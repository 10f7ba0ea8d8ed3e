//! Calling an operator: limited, timed, and again where that is harmless.

use std::future::Future;
use std::time::Duration;

use ::opendal::{Error, ErrorKind as Kind, Metadata, Operator};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{OpendalOptions, Quirks};
use crate::storage::{ErrorKind, ObjectMeta, Result, StorageError, StorageKey};

const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) struct Client {
    pub(super) operator: Operator,
    pub(super) options: OpendalOptions,
    pub(super) quirks: Quirks,
    calls: Semaphore,
}

impl Client {
    pub(super) fn new(operator: Operator, options: OpendalOptions, quirks: Quirks) -> Self {
        let calls = Semaphore::new(options.calls_max.get().min(Semaphore::MAX_PERMITS));
        Self { operator, options, quirks, calls }
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

    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.calls.acquire().await.ok()
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
        self.attempt(time, call).await.map_err(|failure| failure.into_error(operation, key))
    }

    async fn attempt<T>(
        &self,
        time: Duration,
        call: impl Future<Output = ::opendal::Result<T>>,
    ) -> std::result::Result<T, Failure> {
        let _permit = self.permit().await;
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
                    pause(self.options.pause, attempt).await;
                    attempt += 1;
                }
                outcome => return outcome.map_err(|failure| failure.into_error(operation, key)),
            }
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

/// Waits a random time, longer with each attempt, so that those who failed together do not come back together.
pub(super) async fn pause(first: Duration, attempt: usize) {
    let longest = first.saturating_mul(1 << attempt.clamp(1, 10).saturating_sub(1)).min(PAUSE_MAX);
    let part = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    tokio::time::sleep(longest.mul_f64(part)).await;
}

/// Why a call failed.
pub(super) enum Failure {
    Said(Error),
    TimedOut(Duration),
}

impl Failure {
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Said(error) if leads_through_a_file(error) => false,
            Self::Said(error) if is_collision(error) => true,
            Self::Said(error) => error.is_temporary() || error.kind() == Kind::RateLimited,
            Self::TimedOut(_) => true,
        }
    }

    pub(super) fn into_error(self, operation: &'static str, key: &StorageKey) -> StorageError {
        match self {
            Self::Said(error) => failed(error, operation, key),
            Self::TimedOut(after) => StorageError::new(ErrorKind::Unavailable { retry_after: None }, operation, key)
                .with_source(format!("no answer after {} s", after.as_secs())),
        }
    }
}

/// Another request to the same place was under way: Amazon's words for it, and those of a gateway that keeps keys as files and
/// whose directory was just being removed.
fn is_collision(error: &Error) -> bool {
    let codes = ["\"OperationAborted\"", "\"ConditionalRequestConflict\"", "\"ExistingObjectIsDirectory\""];
    codes.iter().any(|code| error.message().contains(code))
}

/// The fs service does not tell a file in the middle of a path from other failures.
fn leads_through_a_file(error: &Error) -> bool {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::NotADirectory)
}

/// The kind of failure behind an operator's error.
pub(super) fn failed(error: Error, operation: &'static str, key: &StorageKey) -> StorageError {
    let kind = match error.kind() {
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
