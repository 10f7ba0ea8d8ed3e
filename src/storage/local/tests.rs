//! What only a directory can show; the contract itself is tested by [`crate::storage::behaviour`].

use super::*;
use crate::storage::{Shape, behaviour};

fn key(text: &str) -> StorageKey {
    StorageKey::parse(text).unwrap()
}

#[tokio::test]
async fn a_write_leaves_the_object_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(dir.path().join("root"), &LocalOptions::default()).unwrap();
    storage.put(&key("a/b/c"), Bytes::from_static(b"hello"), WriteOptions::default()).await.unwrap();
    assert_eq!(storage.get(&key("a/b/c"), 10).await.unwrap(), "hello");
    assert_eq!(storage.stat(&key("a/b/c")).await.unwrap().size, 5);
    assert!(storage.stat(&key("a/b")).await.is_err_and(|error| error.is_not_found()));
    let mut writer =
        storage.write(&key("up/data"), WriteOptions { append_at: Some(0), ..Default::default() }).await.unwrap();
    writer.write(vec![Bytes::from_static(b"12"), Bytes::from_static(b"34")]).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), 4);
    let changes = vec![
        Change::Assemble { parts: vec![key("up/data")], key: key("blobs/x") },
        Change::Put { key: key("links/x"), content: Bytes::from_static(b"x") },
        Change::Delete { keys: vec![key("a/b/c"), key("nothing")] },
    ];
    storage.commit(changes).await.unwrap();
    let all = ListRequest { prefix: key("links"), after: None, limit: 10, shape: Shape::Children };
    assert_eq!(storage.list(&all).await.unwrap().entries[0].name, "x");
    let mut names: Vec<_> =
        std::fs::read_dir(storage.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".wharf", "blobs", "links"]);
    let root = storage.root().to_owned();
    drop(storage);
    assert_eq!(std::fs::read_dir(root.join(".wharf/tmp")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_append_can_be_assembled_as_soon_as_it_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(dir.path().to_owned(), &LocalOptions::default()).unwrap();
    let piece = Bytes::from(vec![7; 1 << 20]);
    let options = WriteOptions { append_at: Some(0), ..Default::default() };
    let mut writer = storage.write(&key("up/data"), options).await.unwrap();
    // As many as begin a synchronisation, which then is under way when the writer finishes.
    for _ in 0..32 {
        writer.write(vec![piece.clone()]).await.unwrap();
    }
    writer.finish().await.unwrap();
    storage.assemble(&[key("up/data")], &key("blob")).await.unwrap();
    assert_eq!(storage.stat(&key("blob")).await.unwrap().size, 32 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves() {
    let dir = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(dir.path().to_owned(), &LocalOptions::default()).unwrap();
    let report = behaviour::run(Arc::new(storage), &key("behaviour"), &behaviour::Options::default()).await;
    assert!(report.passed(), "{report}");
    assert_eq!(report.count(&behaviour::Verdict::NotPromised), 0, "{report}");
}
