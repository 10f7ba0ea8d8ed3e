//! Uploads: in one piece and in many, by one process and by several, finished, broken off and wrong.

use super::*;
use crate::patience::in_time;
use crate::registry::{Error, UploadStatus};
use crate::storage::{ListRequest, Shape, layout};

/// Whether anything of any upload is left, once what has ended has been removed.
async fn staged(registry: &Registry, repository: &RepositoryName) -> bool {
    let prefix = layout::uploads(repository);
    let request = ListRequest { prefix, after: None, limit: 10, shape: Shape::Subtree };
    for _ in 0..1000 {
        if registry.storage().list(&request).await.unwrap().entries.is_empty() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

#[tokio::test]
async fn chunks_add_up_to_a_blob_and_leave_nothing_behind() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a/b"));
        let UploadStatus { id, .. } = registry.start_upload(&repository, None).await.unwrap();
        for (at, chunk) in [(0, "hello "), (6, "wide "), (11, "world")] {
            let status = registry.append_upload(&repository, &id, Some(at), chunked(chunk.as_bytes())).await.unwrap();
            assert_eq!(status.offset, at + chunk.len() as u64);
        }
        let digest = sha256(b"hello wide world!");
        registry.finish_upload(&repository, &id, Some(16), body(b"!"), &digest).await.unwrap();
        assert_eq!(content_of(&registry, &repository, &digest).await, b"hello wide world!");
        assert!(!staged(&registry, &repository).await);
        assert!(matches!(registry.upload_status(&repository, &id).await, Err(Error::UploadUnknown)));
    }
}

#[tokio::test]
async fn another_process_goes_on_where_the_first_one_stopped() {
    for storage in storages() {
        let repository = name("a");
        let UploadStatus { id, .. } = registry(&storage).start_upload(&repository, None).await.unwrap();
        registry(&storage).append_upload(&repository, &id, None, body(b"first ")).await.unwrap();
        registry(&storage).append_upload(&repository, &id, Some(6), body(b"second")).await.unwrap();
        let digest = sha256(b"first second");
        registry(&storage).finish_upload(&repository, &id, None, body(b""), &digest).await.unwrap();
        assert_eq!(content_of(&registry(&storage), &repository, &digest).await, b"first second");
    }
}

#[tokio::test]
async fn what_one_process_remembers_never_hides_what_another_one_added() {
    let long = vec![b'x'; 600 << 10];
    for storage in storages() {
        let (here, there, repository) = (registry(&storage), registry(&storage), name("a"));
        for (first, second) in [(&b"first "[..], &b"second"[..]), (b"first ", &long), (&long, b"second")] {
            let whole = [first, second].concat();
            // Begun here, continued there, and here again by a client that says neither where it stands nor how long it is.
            let UploadStatus { id, .. } = here.start_upload(&repository, None).await.unwrap();
            there.append_upload(&repository, &id, None, chunked(first)).await.unwrap();
            let status = here.append_upload(&repository, &id, None, chunked(second)).await.unwrap();
            assert_eq!(status.offset, whole.len() as u64);
            there.finish_upload(&repository, &id, None, body(b""), &sha256(&whole)).await.unwrap();
            assert_eq!(content_of(&here, &repository, &sha256(&whole)).await, whole);
            // Begun here, continued there, and closed here with the rest.
            let whole = [&whole, first].concat();
            let UploadStatus { id, .. } = here.start_upload(&repository, None).await.unwrap();
            here.append_upload(&repository, &id, None, body(first)).await.unwrap();
            there.append_upload(&repository, &id, None, body(second)).await.unwrap();
            here.finish_upload(&repository, &id, None, body(first), &sha256(&whole)).await.unwrap();
            assert_eq!(content_of(&there, &repository, &sha256(&whole)).await, whole);
        }
        assert!(!staged(&here, &repository).await);
    }
}

#[tokio::test]
async fn bytes_that_arrived_before_the_client_went_away_are_kept() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a"));
        let UploadStatus { id, .. } = registry.start_upload(&repository, None).await.unwrap();
        let broken = registry.append_upload(&repository, &id, None, broken_off(b"half")).await;
        assert!(matches!(broken, Err(Error::Body(_))));
        assert_eq!(registry.upload_status(&repository, &id).await.unwrap().offset, 4);
        let digest = sha256(b"half and half");
        registry.finish_upload(&repository, &id, Some(4), chunked(b" and half"), &digest).await.unwrap();
    }
}

#[tokio::test]
async fn a_chunk_out_of_order_changes_nothing() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a"));
        let UploadStatus { id, .. } = registry.start_upload(&repository, None).await.unwrap();
        registry.append_upload(&repository, &id, Some(0), body(b"abc")).await.unwrap();
        let early = registry.append_upload(&repository, &id, Some(4), body(b"e")).await;
        assert!(matches!(early, Err(Error::OffsetMismatch { offset: 3 })));
        let last = registry.finish_upload(&repository, &id, Some(0), body(b"d"), &sha256(b"abcd")).await;
        assert!(matches!(last, Err(Error::OffsetMismatch { offset: 3 })));
        registry.finish_upload(&repository, &id, Some(3), body(b"d"), &sha256(b"abcd")).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_digest_ends_the_upload_and_shows_nothing() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a"));
        for content in [&b"small"[..], &[7; 300 << 10]] {
            let UploadStatus { id, .. } = registry.start_upload(&repository, None).await.unwrap();
            let wrong = sha256(b"something else");
            let refused = registry.finish_upload(&repository, &id, None, body(content), &wrong).await;
            assert!(matches!(refused, Err(Error::DigestMismatch { found, .. }) if found == sha256(content)));
            assert!(matches!(registry.stat_blob(&repository, &sha256(content)).await, Err(Error::BlobUnknown(_))));
            assert!(!staged(&registry, &repository).await);
        }
    }
}

#[tokio::test]
async fn one_request_at_a_time_writes_to_an_upload() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a"));
        let UploadStatus { id, .. } = registry.start_upload(&repository, None).await.unwrap();
        let (began, begun) = tokio::sync::oneshot::channel();
        let first_frame = futures_util::stream::once(async {
            let _ = began.send(());
            Ok(Bytes::from_static(b"slow"))
        });
        let endless = first_frame.chain(futures_util::stream::pending()).boxed();
        let slow = BlobBody { stream: endless, bytes_expected: None };
        let (writer, repository_, id_) = (registry.clone(), repository.clone(), id.clone());
        let first = tokio::spawn(async move { writer.append_upload(&repository_, &id_, None, slow).await });
        in_time(begun).await.unwrap();
        let busy = registry.append_upload(&repository, &id, None, body(b"x")).await.unwrap_err();
        assert!(matches!(busy, Error::UploadBusy { offset: 0 }), "{busy}");
        assert!(matches!(registry.cancel_upload(&repository, &id).await, Err(Error::UploadBusy { .. })));
        first.abort();
    }
}

#[tokio::test]
async fn sha512_works_announced_or_not() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a"));
        for announced in [Some(Algorithm::Sha512), None] {
            let content = format!("content {announced:?}").repeat(100);
            let digest = Hasher::digest(Algorithm::Sha512, content.as_bytes());
            let UploadStatus { id, .. } = registry.start_upload(&repository, announced).await.unwrap();
            registry.append_upload(&repository, &id, None, body(content.as_bytes())).await.unwrap();
            registry.finish_upload(&repository, &id, None, body(b""), &digest).await.unwrap();
            for alias in [&digest, &sha256(content.as_bytes())] {
                assert_eq!(content_of(&registry, &repository, alias).await, content.as_bytes());
            }
        }
    }
}

#[tokio::test]
async fn the_empty_blob_and_the_same_blob_twice() {
    for storage in storages() {
        let (registry, repository) = (registry(&storage), name("a"));
        for _ in 0..2 {
            registry.push_blob(&repository, body(b""), &sha256(b"")).await.unwrap();
            registry.push_blob(&repository, chunked(b""), &sha256(b"")).await.unwrap();
        }
        assert_eq!(content_of(&registry, &repository, &sha256(b"")).await, b"");
        assert!(!staged(&registry, &repository).await);
    }
}

#[tokio::test]
async fn a_blob_is_served_only_where_it_is_linked() {
    for storage in storages() {
        let (registry, here, there) = (registry(&storage), name("here"), name("there"));
        let digest = sha256(b"x");
        registry.push_blob(&here, body(b"x"), &digest).await.unwrap();
        assert!(matches!(registry.stat_blob(&there, &digest).await, Err(Error::BlobUnknown(_))));
        assert_eq!(registry.mount_blob(&there, &name("third"), &digest).await.unwrap(), None);
        assert_eq!(registry.mount_blob(&here, &there, &digest).await.unwrap().map(|blob| blob.size), Some(1));
        registry.delete_blob(&here, &digest).await.unwrap();
        assert!(matches!(registry.stat_blob(&here, &digest).await, Err(Error::BlobUnknown(_))));
        assert_eq!(content_of(&registry, &there, &digest).await, b"x");
    }
}

#[tokio::test]
async fn a_crash_between_the_bytes_and_their_link_costs_nothing() {
    for storage in storages() {
        let (content, repository) = (vec![5; 300 << 10], name("a"));
        let digest = sha256(&content);
        let UploadStatus { id, .. } = registry(&storage).start_upload(&repository, None).await.unwrap();
        registry(&storage).append_upload(&repository, &id, None, body(&content)).await.unwrap();
        // What the first half of the commit does: the staged bytes get their last place.
        let staged = layout::upload(&repository, id.as_str());
        let request = ListRequest { prefix: staged.clone(), after: None, limit: 10, shape: Shape::Subtree };
        let entries = storage.list(&request).await.unwrap().entries;
        let bytes = entries.iter().find(|entry| entry.object.is_some_and(|meta| meta.size == content.len() as u64));
        let part = staged.join(&bytes.unwrap().name).unwrap();
        storage.copy(&part, &layout::blob_data(&digest)).await.unwrap();
        storage.delete(&[part]).await.unwrap();

        registry(&storage).finish_upload(&repository, &id, None, body(b""), &digest).await.unwrap();
        assert_eq!(content_of(&registry(&storage), &repository, &digest).await, content);
    }
}
