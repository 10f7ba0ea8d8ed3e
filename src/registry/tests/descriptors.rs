//! What two registries on one remote storage see of each other's deletes, when each remembers descriptors.

use super::*;
use crate::oci::{Reference, media_type};
use crate::registry::Error;

const CONFIG: &[u8] = b"{}";

fn replicas() -> [Arc<Registry>; 2] {
    let storage: Arc<dyn Storage> = Arc::new(PartsOnly::new(MemoryStorage::new()));
    [registry(&storage), registry(&storage)]
}

fn manifest() -> Bytes {
    let config = format!(r#"{{"mediaType":"application/x","digest":"{}","size":2}}"#, sha256(CONFIG));
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#).into()
}

#[tokio::test]
async fn a_delete_is_seen_at_once_by_the_replica_that_does_it() {
    let ([here, _], repository) = (replicas(), name("a"));
    let (reference, digest) = (Reference::Digest(sha256(&manifest())), sha256(&manifest()));
    here.push_blob(&repository, body(CONFIG), &sha256(CONFIG)).await.unwrap();
    here.push_manifest(&repository, &reference, &[], Some(media_type::OCI_MANIFEST), manifest()).await.unwrap();
    here.manifest(&repository, &reference).await.unwrap();
    here.delete_manifest(&repository, &digest).await.unwrap();
    assert!(matches!(here.manifest(&repository, &reference).await, Err(Error::ManifestUnknown { .. })));
    here.stat_blob(&repository, &sha256(CONFIG)).await.unwrap();
    here.delete_blob(&repository, &sha256(CONFIG)).await.unwrap();
    assert!(matches!(here.stat_blob(&repository, &sha256(CONFIG)).await, Err(Error::BlobUnknown(_))));
}

#[tokio::test]
async fn nothing_is_pushed_on_the_strength_of_what_another_replica_has_deleted() {
    let ([here, there], repository) = (replicas(), name("a"));
    here.push_blob(&repository, body(CONFIG), &sha256(CONFIG)).await.unwrap();
    there.delete_blob(&repository, &sha256(CONFIG)).await.unwrap();
    let reference = Reference::Tag("v1".parse().unwrap());
    let pushed = here.push_manifest(&repository, &reference, &[], Some(media_type::OCI_MANIFEST), manifest()).await;
    assert!(matches!(pushed, Err(Error::ReferencesUnknown(missing)) if missing == [sha256(CONFIG)]));
}

#[tokio::test]
async fn a_tag_that_another_replica_has_deleted_is_gone_at_once() {
    let ([here, there], repository) = (replicas(), name("a"));
    let reference = Reference::Tag("v1".parse().unwrap());
    here.push_blob(&repository, body(CONFIG), &sha256(CONFIG)).await.unwrap();
    here.push_manifest(&repository, &reference, &[], Some(media_type::OCI_MANIFEST), manifest()).await.unwrap();
    here.manifest(&repository, &reference).await.unwrap();
    there.delete_manifest(&repository, &sha256(&manifest())).await.unwrap();
    assert!(matches!(here.manifest(&repository, &reference).await, Err(Error::ManifestUnknown { .. })));
}

#[tokio::test]
async fn bytes_that_were_collected_are_not_said_to_be_there() {
    let ([here, there], repository) = (replicas(), name("a"));
    here.push_blob(&repository, body(b"layer"), &sha256(b"layer")).await.unwrap();
    there.storage().delete(&[crate::storage::layout::blob_data(&sha256(b"layer"))]).await.unwrap();
    assert!(matches!(here.stat_blob(&repository, &sha256(b"layer")).await, Err(Error::BlobUnknown(_))));
}
