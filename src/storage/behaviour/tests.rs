//! The suite itself: it passes what keeps the contract (that is tested beside each backend) and fails what does not.

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::storage::memory::MemoryStorage;
use crate::storage::{ByteRange, ListPage, ListRequest, ObjectMeta, ReadStream, Result, WriteOptions, Writer};

/// A backend that breaks one promise.
struct Broken {
    inner: MemoryStorage,
    promise: &'static str,
}

#[async_trait]
impl Storage for Broken {
    fn name(&self) -> &str {
        "broken"
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn stat(&self, key: &StorageKey) -> Result<ObjectMeta> {
        self.inner.stat(key).await
    }
    async fn get(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        if self.promise == "panics" {
            panic!("broken on purpose");
        }
        self.inner.get(key, bytes_max).await
    }
    async fn read(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        self.inner.read(key, range).await
    }
    async fn write(&self, key: &StorageKey, mut options: WriteOptions) -> Result<Box<dyn Writer>> {
        if self.promise == "conditional" {
            options.if_absent = false;
        }
        self.inner.write(key, options).await
    }
    async fn delete(&self, keys: &[StorageKey]) -> Result<()> {
        self.inner.delete(keys).await
    }
    async fn delete_prefix(&self, prefix: &StorageKey) -> Result<()> {
        self.inner.delete_prefix(prefix).await
    }
    async fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let mut page = self.inner.list(request).await?;
        if self.promise == "order" {
            page.entries.reverse();
        }
        Ok(page)
    }
    async fn copy(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        self.inner.copy(from, to).await
    }
    async fn assemble(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        self.inner.assemble(parts, key).await
    }
}

async fn failures(promise: &'static str, only: Option<&str>) -> Vec<CaseReport> {
    let storage = Arc::new(Broken { inner: MemoryStorage::new(), promise });
    let options = Options { listing_keys: 200, rounds: 3, only: only.map(str::to_owned), ..Options::default() };
    let report = run(storage, &StorageKey::parse("suite").unwrap(), &options).await;
    report.cases.into_iter().filter(|case| matches!(case.verdict, Verdict::Failed(_))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_contract_passes() {
    assert_eq!(failures("nothing", None).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_promise_is_named() {
    let found = failures("conditional", None).await;
    assert!(!found.is_empty() && found.iter().all(|case| case.name.contains("conditional")), "{found:?}");
    let found = failures("order", Some("children come")).await;
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_panics_ends_its_case_only() {
    let found = failures("panics", Some("what is put comes back")).await;
    assert_eq!(found.len(), 1, "{found:?}");
}
