//! What the cases are written with.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;

use super::Options;
use crate::storage::{
    ByteRange, ErrorKind, ListEntry, ListRequest, OptionalExt, Result, Shape, Storage, StorageError, StorageKey,
    WriteOptions,
};

/// Why a case failed.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self(error.to_string())
    }
}

pub(super) type Outcome = std::result::Result<(), Failure>;

/// Fails the case with a sentence unless the condition holds.
macro_rules! check {
    ($holds:expr, $($sentence:tt)+) => {
        if !$holds {
            return Err($crate::storage::behaviour::bench::Failure(format!($($sentence)+)));
        }
    };
}
pub(super) use check;

/// A storage and a prefix of one's own in it.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) prefix: StorageKey,
    pub(super) options: Options,
}

impl Bench {
    pub(super) fn new(storage: Arc<dyn Storage>, prefix: StorageKey, options: Options) -> Self {
        Self { storage, prefix, options }
    }

    pub(super) fn key(&self, name: &str) -> std::result::Result<StorageKey, Failure> {
        self.prefix.join(name).map_err(|error| Failure(error.to_string()))
    }

    pub(super) async fn put(&self, name: &str, content: impl Into<Bytes> + Send) -> Outcome {
        Ok(self.storage.put(&self.key(name)?, content.into(), WriteOptions::default()).await?)
    }

    /// The content of an object, `None` when there is none.
    pub(super) async fn get(&self, name: &str) -> std::result::Result<Option<Bytes>, Failure> {
        Ok(self.storage.get(&self.key(name)?, u64::MAX).await.optional()?)
    }

    pub(super) async fn delete(&self, name: &str) -> Outcome {
        Ok(self.storage.delete(&[self.key(name)?]).await?)
    }

    /// Writes with a writer, in pieces.
    pub(super) async fn write(&self, name: &str, options: WriteOptions, pieces: Vec<Bytes>) -> Result<u64> {
        let key = self.prefix.join(name).map_err(|error| other(error, &self.prefix))?;
        let mut writer = self.storage.write(&key, options).await?;
        for piece in pieces {
            writer.write(vec![piece]).await?;
        }
        writer.finish().await
    }

    /// Reads a range to its end.
    pub(super) async fn read(&self, name: &str, start: u64, len: Option<u64>) -> Result<Vec<u8>> {
        let key = self.prefix.join(name).map_err(|error| other(error, &self.prefix))?;
        let mut body = self.storage.read(&key, ByteRange { start, len }).await?.body;
        let mut content = Vec::new();
        while let Some(piece) = body.next().await {
            content.extend_from_slice(&piece?);
        }
        Ok(content)
    }

    /// One listing, in pages of `limit`.
    pub(super) async fn list(
        &self,
        prefix: &str,
        shape: Shape,
        after: Option<&str>,
        limit: usize,
    ) -> std::result::Result<Vec<ListEntry>, Failure> {
        let prefix = if prefix.is_empty() { self.prefix.clone() } else { self.key(prefix)? };
        let mut request = ListRequest { prefix, after: after.map(str::to_owned), limit, shape };
        let mut all = Vec::new();
        loop {
            let page = self.storage.list(&request).await?;
            check!(page.entries.len() <= limit, "a page of {limit} has {} entries", page.entries.len());
            check!(
                !page.more || page.entries.len() == limit,
                "a page of {limit} has {} and says more",
                page.entries.len()
            );
            request.after = page.entries.last().map(|entry| entry.name.clone());
            all.extend(page.entries);
            if !page.more {
                return Ok(all);
            }
        }
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static, key: &StorageKey) -> StorageError {
    StorageError::new(ErrorKind::Other, "behaviour", key).with_source(error)
}

/// The kind of an error, `None` for a success.
pub(super) fn kind<T>(result: &Result<T>) -> Option<ErrorKind> {
    result.as_ref().err().map(StorageError::kind)
}

/// Bytes that repeat only after a long while, and differ by seed.
pub(super) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The names of a listing.
pub(super) fn names(entries: &[ListEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}
