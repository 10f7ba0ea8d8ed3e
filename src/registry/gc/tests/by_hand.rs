//! Single cases, each one a defect of another collector or an edge of this one.

use std::sync::Arc;
use std::time::Duration;

use super::super::{GcError, GcOptions};
use super::collect;
use super::world::{everything, link, put, sha256};
use crate::oci::{Algorithm, Digest, Hasher, RepositoryName};
use crate::storage::layout;
use crate::storage::memory::MemoryStorage;

const UNTAGGED: GcOptions = GcOptions { dry_run: false, delete_untagged: true, grace: Duration::ZERO };

fn name() -> RepositoryName {
    "app".parse().unwrap()
}

/// Stores a blob and links it; its digest.
async fn layer(storage: &MemoryStorage, content: &str) -> Digest {
    let digest = sha256(content.as_bytes());
    put(storage, layout::blob_data(&digest), content.to_owned()).await;
    link(storage, layout::layer_link(&name(), &digest), &digest).await;
    digest
}

/// Stores a manifest, untagged; its digest.
async fn manifest(storage: &MemoryStorage, content: String) -> Digest {
    let digest = sha256(content.as_bytes());
    put(storage, layout::blob_data(&digest), content).await;
    link(storage, layout::revision_link(&name(), &digest), &digest).await;
    digest
}

fn image(layer: &Digest) -> String {
    format!(r#"{{"schemaVersion":2,"config":{{"digest":"{layer}","size":1}},"layers":[]}}"#)
}

#[tokio::test]
async fn an_absent_store_is_no_work() {
    let storage = MemoryStorage::new();
    let (lines, outcome) = collect(Arc::new(storage), UNTAGGED).await;
    assert_eq!(lines, ["\n0 blobs marked, 0 blobs and 0 manifests eligible for deletion"]);
    assert_eq!(outcome.unwrap().blobs, 0);
}

#[tokio::test]
async fn the_lines_are_those_of_distribution() {
    let storage = MemoryStorage::new();
    let kept = layer(&storage, "kept").await;
    let lost = layer(&storage, "lost").await;
    let tagged = manifest(&storage, image(&kept)).await;
    let untagged = manifest(&storage, image(&lost)).await;
    let tag = "latest".parse().unwrap();
    link(&storage, layout::tag_link(&name(), &tag), &tagged).await;
    link(&storage, layout::tag_index_link(&name(), &tag, &tagged), &tagged).await;
    link(&storage, layout::tag_index_link(&name(), &tag, &untagged), &untagged).await;

    let (mut lines, _) = collect(Arc::new(storage.clone()), UNTAGGED).await;
    lines[5..7].sort();
    let mut blobs = [format!("blob eligible for deletion: {untagged}"), format!("blob eligible for deletion: {lost}")];
    blobs.sort();
    let expected = [
        "app".to_owned(),
        format!("app: marking manifest {tagged}"),
        format!("app: marking blob {kept}"),
        format!("manifest eligible for deletion: {{app {untagged} [latest]}}"),
        "\n2 blobs marked, 2 blobs and 1 manifests eligible for deletion".to_owned(),
        blobs[0].clone(),
        blobs[1].clone(),
        format!("app: layer link eligible for deletion: {lost}"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_repository_without_tags_loses_its_manifests_whole() {
    let storage = MemoryStorage::new();
    let only = layer(&storage, "only").await;
    manifest(&storage, image(&only)).await;
    let (_, outcome) = collect(Arc::new(storage.clone()), UNTAGGED).await;
    assert_eq!(outcome.unwrap().manifests, 1);
    assert!(everything(&storage).await.is_empty());
}

#[tokio::test]
async fn a_layer_that_is_called_by_its_sha512_is_kept() {
    let storage = MemoryStorage::new();
    let canonical = layer(&storage, "layer").await;
    let alias = Hasher::digest(Algorithm::Sha512, b"layer");
    link(&storage, layout::layer_link(&name(), &alias), &canonical).await;
    manifest(&storage, image(&alias)).await;
    let before = everything(&storage).await;
    let (_, outcome) = collect(Arc::new(storage.clone()), GcOptions::default()).await;
    assert_eq!(outcome.unwrap().blobs, 0);
    assert_eq!(everything(&storage).await, before);
}

#[tokio::test]
async fn a_damaged_manifest_keeps_its_repository_and_is_named() {
    let storage = MemoryStorage::new();
    let linked = layer(&storage, "linked").await;
    let damaged = manifest(&storage, image(&linked)).await;
    put(&storage, layout::blob_data(&damaged), image(&sha256(b"another"))).await;
    let before = everything(&storage).await;
    let (lines, _) = collect(Arc::new(storage.clone()), UNTAGGED).await;
    assert_eq!(everything(&storage).await, before);
    assert!(lines.iter().any(|line| line.starts_with(&format!("app: manifest {damaged} can't be read"))), "{lines:?}");
}

#[tokio::test]
async fn a_torn_tag_keeps_what_it_ever_pointed_at() {
    let storage = MemoryStorage::new();
    let used = layer(&storage, "used").await;
    let target = manifest(&storage, image(&used)).await;
    let tag = "latest".parse().unwrap();
    put(&storage, layout::tag_link(&name(), &tag), "").await;
    link(&storage, layout::tag_index_link(&name(), &tag, &target), &target).await;
    let (lines, outcome) = collect(Arc::new(storage), UNTAGGED).await;
    assert_eq!(outcome.unwrap().manifests, 0);
    assert!(lines.iter().any(|line| line.starts_with("app: tag latest holds no digest")), "{lines:?}");
}

#[tokio::test]
async fn what_is_young_enough_is_kept() {
    let storage = MemoryStorage::new();
    layer(&storage, "a layer whose manifest is still to come").await;
    manifest(&storage, image(&layer(&storage, "an image whose tag is still to come").await)).await;
    put(
        &storage,
        layout::blob_data(&sha256(b"bytes whose link is still to come")),
        "bytes whose link is still to come",
    )
    .await;
    let before = everything(&storage).await;
    let (_, outcome) =
        collect(Arc::new(storage.clone()), GcOptions { grace: Duration::from_secs(3600), ..UNTAGGED }).await;
    assert!(outcome.is_ok());
    assert_eq!(everything(&storage).await, before);
    let (_, outcome) = collect(Arc::new(storage.clone()), UNTAGGED).await;
    assert_eq!(outcome.unwrap().blobs, 4);
    assert!(everything(&storage).await.is_empty());
}

#[tokio::test]
async fn manifests_in_a_place_where_no_repository_can_be_stop_it() {
    let storage = MemoryStorage::new();
    layer(&storage, "lost").await;
    let key = layout::repositories().join("Not A Name/_manifests/tags/latest/current/link").unwrap();
    put(&storage, key, "").await;
    let before = everything(&storage).await;
    let (_, outcome) = collect(Arc::new(storage.clone()), UNTAGGED).await;
    assert!(matches!(outcome, Err(GcError::ForeignRepository(path)) if path == "Not A Name"));
    assert_eq!(everything(&storage).await, before);
}
