//! What lies where in the directory.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::patience::until;

#[tokio::test]
async fn a_write_leaves_the_object_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("made/for/it");
    let storage = open(&root);
    put(&storage, "a/b/c", "hello").await.unwrap();
    let mut writer = storage.write(&key("up/data"), APPEND).await.unwrap();
    writer.write(vec![Bytes::from_static(b"12"), Bytes::from_static(b"34")]).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), 4);
    let changes = vec![
        Change::Assemble { parts: vec![key("up/data")], key: key("blobs/x") },
        Change::Put { key: key("links/x"), content: Bytes::from_static(b"x") },
        Change::Delete { keys: vec![key("a/b/c"), key("nothing")] },
    ];
    storage.commit(changes).await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".wharf", "blobs", "links"]);
    drop(storage);
    // The thread that synchronised last may hold it a moment longer.
    until(async || std::fs::read_dir(root.join(".wharf/tmp")).unwrap().count() == 0).await;
}

#[tokio::test]
async fn the_root_stays_when_all_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    put(&storage, "a/b/c", "x").await.unwrap();
    storage.delete(&[key("a/b/c")]).await.unwrap();
    assert!(dir.path().exists() && !dir.path().join("a").exists());
    put(&storage, "a/b/c", "x").await.unwrap();
    storage.delete_prefix(&key("a/b")).await.unwrap();
    assert!(dir.path().exists() && !dir.path().join("a").exists());
}

#[tokio::test]
async fn rights_are_those_that_the_umask_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    put(&storage, "a/b", "x").await.unwrap();
    let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    std::fs::create_dir(dir.path().join("d")).unwrap();
    std::fs::write(dir.path().join("d/f"), "x").unwrap();
    assert_eq!((mode("a"), mode("a/b")), (mode("d"), mode("d/f")));
}

#[tokio::test]
async fn listings_hide_what_is_not_finished() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    put(&storage, "tags/v1/current/link", "x").await.unwrap();
    let beside = dir.path().join("tags/v1/current/link.6f0a5c0e-1b1f-4d53-a1f5-8f6d1f1f7a11.tmp");
    std::fs::write(beside, "x").unwrap();
    std::fs::write(dir.path().join("tags/v1/current/kept.tmp"), "x").unwrap();
    assert_eq!(names(&storage, "tags", Shape::Subtree).await, ["v1/current/kept.tmp", "v1/current/link"]);
    assert_eq!(names(&storage, "tags/v1/current", Shape::Children).await, ["kept.tmp", "link"]);
    let own = put(&storage, ".wharf/tmp/x", "x").await.unwrap_err();
    assert_eq!(own.kind(), ErrorKind::Unsupported, "{own}");
}

#[tokio::test]
async fn part_of_it_may_lie_behind_a_symbolic_link() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("blobs")).unwrap();
    put(&storage, "blobs/a/data", "x").await.unwrap();
    assert_eq!(storage.get(&key("blobs/a/data"), 10).await.unwrap(), "x");
    assert_eq!(names(&storage, "blobs", Shape::Subtree).await, ["a/data"]);
    storage.delete(&[key("blobs/a/data")]).await.unwrap();
    assert!(dir.path().join("blobs").exists(), "the link itself is no empty directory");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// `/dev/shm` is another file system nearly everywhere, so a rename does not reach it.
#[tokio::test]
async fn part_of_it_may_lie_on_another_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    let storage = open(dir.path());
    std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("blobs")).unwrap();
    put(&storage, "blobs/a/data", "x").await.unwrap();
    put(&storage, "staged", "staged").await.unwrap();
    storage.assemble(&[key("staged")], &key("blobs/b/data")).await.unwrap();
    assert_eq!(storage.get(&key("blobs/b/data"), 10).await.unwrap(), "staged");
    assert_eq!(names(&storage, "blobs", Shape::Subtree).await, ["a/data", "b/data"]);
    let if_absent = WriteOptions { if_absent: true, ..WriteOptions::default() };
    let again = storage.put(&key("blobs/a/data"), Bytes::new(), if_absent).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let left: Vec<_> = std::fs::read_dir(elsewhere.path().join("a")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
