//! What only a directory can show; the contract itself is tested by [`crate::storage::behaviour`].

mod faults;
mod layout;
mod sharing;

use std::path::Path;

use super::*;
use crate::storage::{ErrorKind, Shape, behaviour};

fn key(text: &str) -> StorageKey {
    StorageKey::parse(text).unwrap()
}

fn open(root: &Path) -> LocalStorage {
    LocalStorage::open(root.to_owned(), &LocalOptions::default()).unwrap()
}

async fn put(storage: &LocalStorage, name: &str, content: &'static str) -> Result<()> {
    storage.put(&key(name), Bytes::from_static(content.as_bytes()), WriteOptions::default()).await
}

async fn names(storage: &LocalStorage, prefix: &str, shape: Shape) -> Vec<String> {
    let request = ListRequest { prefix: key(prefix), after: None, limit: 1000, shape };
    storage.list(&request).await.unwrap().entries.into_iter().map(|entry| entry.name).collect()
}

const APPEND: WriteOptions = WriteOptions { if_absent: false, append_at: Some(0), volatile: false };

/// How many unfinished files there are.
fn unfinished(root: &Path) -> usize {
    let Ok(directories) = std::fs::read_dir(root.join(".wharf/tmp")) else { return 0 };
    directories.map(|dir| std::fs::read_dir(dir.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves() {
    let dir = tempfile::tempdir().unwrap();
    let options = behaviour::Options::default();
    let report = behaviour::run(Arc::new(open(dir.path())), &key("behaviour"), &options).await;
    assert!(report.passed(), "{report}");
    assert_eq!(report.count(&behaviour::Verdict::NotPromised), 0, "{report}");
    assert_eq!(unfinished(dir.path()), 0);
}

/// The same without what newer kernels, or containers without a seccomp profile, have.
#[tokio::test(flavor = "multi_thread")]
async fn it_behaves_where_nothing_can_be_asked_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.disk.never_cached();
    let options = behaviour::Options { listing_keys: 300, ..behaviour::Options::default() };
    let report = behaviour::run(Arc::new(storage), &key("behaviour"), &options).await;
    assert!(report.passed(), "{report}");
}
