//! The behaviour suite on the services that need no server.

use std::sync::Arc;

use ::opendal::services::{Fs, Memory};

use super::*;
use crate::storage::behaviour;

async fn behaves(operator: Operator, name: &str) -> behaviour::Report {
    let storage = OpendalStorage::new(operator, name, OpendalOptions::default());
    let prefix = StorageKey::parse("behaviour/opendal").unwrap();
    let options = behaviour::Options { listing_keys: 300, ..behaviour::Options::default() };
    behaviour::run(Arc::new(storage), &prefix, &options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_behaves() {
    let report = behaves(Operator::new(Memory::default()).unwrap(), "opendal-memory").await;
    assert!(report.passed(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fs_behaves() {
    let dir = tempfile::tempdir().unwrap();
    let (root, apart) = (dir.path().join("root"), dir.path().join("apart"));
    let builder = Fs::default().root(&root.to_string_lossy()).atomic_write_dir(&apart.to_string_lossy());
    let report = behaves(Operator::new(builder).unwrap(), "opendal-fs").await;
    assert!(report.passed(), "{report}");
    let left: Vec<_> = std::fs::read_dir(&apart).unwrap().flatten().collect();
    assert!(left.is_empty(), "unfinished files are left: {left:?}");
}
