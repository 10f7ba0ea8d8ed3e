use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::oci::{Algorithm, Hasher};
use crate::registry::RegistryOptions;
use crate::storage::memory::MemoryStorage;
use crate::storage::{Storage, WriteOptions};

fn sha256(content: &str) -> Digest {
    Hasher::digest(Algorithm::Sha256, content.as_bytes())
}

async fn put(storage: &MemoryStorage, key: StorageKey, content: &str) {
    storage.put(&key, Bytes::copy_from_slice(content.as_bytes()), WriteOptions::default()).await.unwrap();
}

/// The lines of a verification, without the names of repositories.
async fn verify(storage: &MemoryStorage) -> (Vec<String>, VerifyOutcome) {
    let registry = Registry::new(Arc::new(storage.clone()), RegistryOptions::default());
    let mut lines = Vec::new();
    let mut report = |event: VerifyEvent<'_>| {
        if let VerifyEvent::Problem { .. } = event {
            lines.push(event.to_string());
        }
    };
    let outcome = registry.verify(&mut report).await.unwrap();
    (lines, outcome)
}

/// A repository `app` with one image, tagged `latest`, whose one blob is called by its SHA-512 as well.
async fn image(storage: &MemoryStorage) -> (Digest, Digest) {
    let name = "app".parse().unwrap();
    let (blob, alias) = (sha256("blob"), Hasher::digest(Algorithm::Sha512, b"blob"));
    put(storage, layout::blob_data(&blob), "blob").await;
    put(storage, layout::layer_link(&name, &blob), blob.as_str()).await;
    put(storage, layout::layer_link(&name, &alias), blob.as_str()).await;
    let body = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{blob}","size":4}},"layers":[]}}"#);
    let manifest = sha256(&body);
    put(storage, layout::blob_data(&manifest), &body).await;
    put(storage, layout::revision_link(&name, &manifest), manifest.as_str()).await;
    put(storage, layout::tag_link(&name, &"latest".parse().unwrap()), manifest.as_str()).await;
    (blob, manifest)
}

#[tokio::test]
async fn finds_nothing_wrong_with_what_is_right() {
    let storage = MemoryStorage::new();
    image(&storage).await;
    let (lines, outcome) = verify(&storage).await;
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!((outcome.blobs, outcome.problems), (3, 0));
}

#[tokio::test]
async fn names_everything_that_is_wrong() {
    let storage = MemoryStorage::new();
    let (blob, manifest) = image(&storage).await;
    let name: RepositoryName = "app".parse().unwrap();
    put(&storage, layout::blob_data(&blob), "bl0b").await;
    let lost = sha256("lost");
    put(&storage, layout::layer_link(&name, &lost), lost.as_str()).await;
    let torn = sha256("torn");
    put(&storage, layout::layer_link(&name, &torn), "").await;
    put(&storage, layout::tag_link(&name, &"gone".parse().unwrap()), lost.as_str()).await;
    put(&storage, layout::tag_link(&name, &"torn".parse().unwrap()), "").await;
    let (found, alias) = (sha256("bl0b"), Hasher::digest(Algorithm::Sha512, b"blob"));
    let (mut lines, outcome) = verify(&storage).await;
    lines.sort();
    let mut expected = [
        format!("app: blob {blob}: its bytes have the digest {found}"),
        format!("app: blob {alias}: its bytes have the digest {}", Hasher::digest(Algorithm::Sha512, b"bl0b")),
        format!("app: blob {lost}: its bytes are missing"),
        format!("app: blob {torn}: its link does not hold the digest that it should"),
        format!("app: tag gone: it leads to manifest {lost}, which this repository does not have"),
        "app: tag torn: it holds no digest".to_owned(),
    ];
    expected.sort();
    assert_eq!(lines, expected);
    assert_eq!(outcome.problems, 6);

    storage.delete(&[layout::layer_link(&name, &blob)]).await.unwrap();
    let (lines, _) = verify(&storage).await;
    let missing = format!("app: manifest {manifest}: it needs blob {blob}, which this repository does not have");
    assert!(lines.contains(&missing), "{lines:?}");
}
