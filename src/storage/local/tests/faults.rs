//! Full disks, missing rights, names that can't be.

use futures_util::StreamExt;

use super::*;

#[tokio::test]
async fn a_root_that_is_no_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain");
    std::fs::write(&path, "x").unwrap();
    let error = LocalStorage::open(path.clone(), &LocalOptions::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
}

/// Nobody, not even root, can make a file in sysfs.
#[tokio::test]
async fn a_directory_that_can_only_be_read_is_read() {
    let storage = open(Path::new("/sys/kernel"));
    assert!(!names(&storage, "mm", Shape::Children).await.is_empty());
    let error = put(&storage, "mm/object", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let error = storage.write(&key("mm/object"), APPEND).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[tokio::test]
async fn an_object_and_a_prefix_of_one_name_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    put(&storage, "a", "object").await.unwrap();
    put(&storage, "x/y", "object").await.unwrap();
    for name in ["a/b", "a/b/c", "x"] {
        let error = put(&storage, name, "new").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    assert_eq!(storage.get(&key("a"), 10).await.unwrap(), "object");
    assert_eq!(storage.get(&key("x/y"), 10).await.unwrap(), "object");
    assert_eq!(unfinished(dir.path()), 0);
}

#[tokio::test]
async fn a_name_too_long_is_refused_on_writing_and_absent_on_reading() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let long = "n".repeat(256);
    for name in [long.clone(), format!("a/{long}/b")] {
        let error = storage.put(&key(&name), Bytes::new(), WriteOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(storage.get(&key(&name), 10).await.unwrap_err().is_not_found());
        assert!(storage.stat(&key(&name)).await.unwrap_err().is_not_found());
        assert!(storage.read(&key(&name), ByteRange::ALL).await.map(drop).unwrap_err().is_not_found());
        assert!(names(&storage, &name, Shape::Children).await.is_empty());
        assert!(names(&storage, &name, Shape::Subtree).await.is_empty());
        storage.delete(&[key(&name)]).await.unwrap();
        storage.delete_prefix(&key(&name)).await.unwrap();
    }
}

#[tokio::test]
async fn an_object_that_shrinks_under_its_reader_breaks_off() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let content = Bytes::from(vec![7; 3_000_000]);
    storage.put(&key("object"), content, WriteOptions::default()).await.unwrap();
    let mut body = storage.read(&key("object"), ByteRange::ALL).await.unwrap().body;
    assert!(body.next().await.unwrap().is_ok());
    std::fs::OpenOptions::new().write(true).open(dir.path().join("object")).unwrap().set_len(1_000_000).unwrap();
    let mut last = None;
    while let Some(piece) = body.next().await {
        last = Some(piece);
    }
    let error = last.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn what_is_no_regular_file_is_no_object() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(storage.get(&key("pipe"), 10).await.unwrap_err().is_not_found());
    assert!(storage.read(&key("pipe"), ByteRange::ALL).await.map(drop).unwrap_err().is_not_found());
    assert!(storage.stat(&key("pipe")).await.unwrap_err().is_not_found());
}

const FULL: &str = "WHARF_TEST_FULL_DISK";

/// Runs itself again in a process whose files may have 100 KiB, which is a disk that is full after as many.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_leaves_nothing() {
    if let Ok(root) = std::env::var(FULL) {
        return on_a_full_disk(Path::new(&root)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let test = concat!(module_path!(), "::a_full_disk_is_told_and_leaves_nothing");
    let (_, test) = test.split_once("::").unwrap();
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" --exact \"$1\" --nocapture";
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(FULL, dir.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(dir.path().join("small").exists(), "the inner test did not run: {said}");
}

async fn on_a_full_disk(root: &Path) {
    let storage = open(root);
    put(&storage, "small", "old").await.unwrap();
    let large = Bytes::from(vec![1; 1_000_000]);
    for name in ["small", "large"] {
        let error = storage.put(&key(name), large.clone(), WriteOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        let mut writer = storage.write(&key(name), WriteOptions::default()).await.unwrap();
        let error = writer.write(vec![large.clone()]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        writer.abort().await.unwrap();
        let changes = vec![Change::Put { key: key(name), content: large.clone() }];
        assert_eq!(storage.commit(changes).await.unwrap_err().kind(), ErrorKind::NoSpace);
    }
    let mut writer = storage.write(&key("up/data"), APPEND).await.unwrap();
    assert_eq!(writer.write(vec![large]).await.unwrap_err().kind(), ErrorKind::NoSpace);
    writer.abort().await.unwrap();
    assert_eq!(storage.stat(&key("up/data")).await.unwrap().size, 0);
    assert_eq!(storage.get(&key("small"), 10).await.unwrap(), "old");
    assert!(storage.stat(&key("large")).await.unwrap_err().is_not_found());
    assert_eq!(unfinished(root), 0);
    put(&storage, "small", "new").await.unwrap();
    assert_eq!(storage.get(&key("small"), 10).await.unwrap(), "new");
}
