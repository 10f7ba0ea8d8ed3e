//! The behaviour suite on this storage.

use std::sync::Arc;

use super::*;
use crate::storage::behaviour;

#[tokio::test(flavor = "multi_thread")]
async fn it_behaves() {
    let prefix = StorageKey::parse("behaviour/memory").unwrap();
    let report = behaviour::run(Arc::new(MemoryStorage::new()), &prefix, &behaviour::Options::default()).await;
    assert!(report.passed(), "{report}");
    assert_eq!(report.count(&behaviour::Verdict::NotPromised), 0, "{report}");
}
