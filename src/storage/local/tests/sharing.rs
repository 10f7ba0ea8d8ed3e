//! Several processes, or what is the same to the file system, several instances on one directory.

use super::*;
use crate::patience::until;

#[tokio::test]
async fn each_sees_what_the_other_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path()), open(dir.path()));
    for round in 0..50 {
        let name = format!("dir/{round:03}");
        put(&one, &name, "x").await.unwrap();
        assert_eq!(other.get(&key(&name), 10).await.unwrap(), "x");
        assert_eq!(names(&other, "dir", Shape::Children).await.len(), round + 1);
        assert_eq!(names(&other, "dir", Shape::Subtree).await.len(), round + 1);
    }
}

#[tokio::test]
async fn a_remembered_listing_shows_what_others_have_changed() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    put(&storage, "dir/a", "x").await.unwrap();
    let remembered = async || {
        assert_eq!(names(&storage, "dir", Shape::Children).await, ["a"]);
        storage.lister.remembers("dir")
    };
    until(remembered).await;
    std::fs::write(dir.path().join("dir/b"), "x").unwrap();
    assert_eq!(names(&storage, "dir", Shape::Children).await, ["a", "b"]);
    std::fs::remove_file(dir.path().join("dir/a")).unwrap();
    assert_eq!(names(&storage, "dir", Shape::Children).await, ["b"]);
    std::fs::remove_dir_all(dir.path().join("dir")).unwrap();
    assert!(names(&storage, "dir", Shape::Children).await.is_empty());
}

#[tokio::test]
async fn only_one_of_them_appends() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (open(dir.path()), open(dir.path()));
    let writer = one.write(&key("up/data"), APPEND).await.unwrap();
    let refused = other.write(&key("up/data"), APPEND).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    let refused = other.assemble(&[key("up/data")], &key("blob")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    writer.finish().await.unwrap();
    other.write(&key("up/data"), APPEND).await.unwrap().finish().await.unwrap();
}

#[tokio::test]
async fn only_one_of_them_creates() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (Arc::new(open(dir.path())), Arc::new(open(dir.path())));
    let if_absent = WriteOptions { if_absent: true, ..WriteOptions::default() };
    for round in 0..20 {
        let name = key(&format!("{round}/secret"));
        let (a, b) = tokio::join!(
            one.put(&name, Bytes::from_static(b"one"), if_absent),
            other.put(&name, Bytes::from_static(b"other"), if_absent)
        );
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
        assert_eq!(one.get(&name, 10).await.unwrap(), if a.is_ok() { "one" } else { "other" });
    }
}

#[tokio::test]
async fn what_a_dead_process_left_is_removed_and_a_live_one_keeps_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let alive = open(dir.path());
    let mut writer = alive.write(&key("object"), WriteOptions::default()).await.unwrap();
    writer.write(vec![Bytes::from(vec![1; 1_000_000])]).await.unwrap();
    std::fs::create_dir(dir.path().join(".wharf/tmp/dead")).unwrap();
    std::fs::write(dir.path().join(".wharf/tmp/dead/0"), "left").unwrap();
    assert_eq!(unfinished(dir.path()), 2);
    let _next = open(dir.path());
    assert_eq!(unfinished(dir.path()), 1);
    assert!(!dir.path().join(".wharf/tmp/dead").exists());
    assert_eq!(writer.finish().await.unwrap(), 1_000_000);
    assert_eq!(alive.stat(&key("object")).await.unwrap().size, 1_000_000);
}

#[tokio::test]
async fn writing_goes_on_when_its_own_directory_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    put(&storage, "a", "x").await.unwrap();
    std::fs::remove_dir_all(dir.path().join(".wharf")).unwrap();
    put(&storage, "b", "x").await.unwrap();
    assert_eq!(storage.get(&key("b"), 10).await.unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_append_can_be_assembled_as_soon_as_it_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let piece = Bytes::from(vec![7; 1 << 20]);
    let mut writer = storage.write(&key("up/data"), APPEND).await.unwrap();
    // As many as begin a synchronisation, which then is under way when the writer finishes.
    for _ in 0..32 {
        writer.write(vec![piece.clone()]).await.unwrap();
    }
    writer.finish().await.unwrap();
    storage.assemble(&[key("up/data")], &key("blob")).await.unwrap();
    assert_eq!(storage.stat(&key("blob")).await.unwrap().size, 32 << 20);
}
