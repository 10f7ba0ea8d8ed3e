//! The registry on storage in memory, once with a backend that appends and once with one that doesn't: everything must come
//! out the same.

mod descriptors;
mod manifests;
pub(super) mod parts_only;
mod uploads;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;

use super::descriptors::MemoryDescriptors;
use super::{BlobBody, Registry, RegistryOptions};
use crate::oci::{Algorithm, Digest, Hasher, RepositoryName};
use crate::storage::Storage;
use crate::storage::memory::MemoryStorage;
use parts_only::PartsOnly;

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn sha256(content: &[u8]) -> Digest {
    Hasher::digest(Algorithm::Sha256, content)
}

/// Both kinds of storage.
fn storages() -> Vec<Arc<dyn Storage>> {
    vec![Arc::new(MemoryStorage::new()), Arc::new(PartsOnly::new(MemoryStorage::new()))]
}

fn registry(storage: &Arc<dyn Storage>) -> Arc<Registry> {
    let cache = MemoryDescriptors::new(100, std::time::Duration::from_secs(60));
    Arc::new(Registry::new(storage.clone(), RegistryOptions::default()).with_descriptors(Arc::new(cache)))
}

/// A request body of a known length, in frames of a few bytes.
fn body(content: &[u8]) -> BlobBody {
    let frames: Vec<_> = content.chunks(7).map(|frame| Ok(Bytes::copy_from_slice(frame))).collect();
    BlobBody { stream: futures_util::stream::iter(frames).boxed(), bytes_expected: Some(content.len() as u64) }
}

/// A request body whose length nobody announced.
fn chunked(content: &[u8]) -> BlobBody {
    BlobBody { bytes_expected: None, ..body(content) }
}

/// A request body whose client goes away after `content`.
fn broken_off(content: &[u8]) -> BlobBody {
    let frames = vec![Ok(Bytes::copy_from_slice(content)), Err("connection reset".to_owned())];
    BlobBody { stream: futures_util::stream::iter(frames).boxed(), bytes_expected: None }
}

async fn content_of(registry: &Registry, repository: &RepositoryName, digest: &Digest) -> Vec<u8> {
    let stream = registry.read_blob(repository, digest, crate::storage::ByteRange::ALL).await.unwrap();
    let pieces: Vec<Bytes> = stream.body.map(Result::unwrap).collect().await;
    pieces.concat()
}
