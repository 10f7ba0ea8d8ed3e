//! Writes that a crash has left unfinished, at services that keep what was sent of them.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::client::Client;
use crate::storage::{ErrorKind, Result, StorageError, StorageKey, Unfinished, UnfinishedPage};

/// A write that a service has taken the beginning of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunWrite {
    /// The operator's path.
    pub path: String,
    /// What the service calls it.
    pub id: String,
    /// When it was begun, if the service says so.
    pub began: Option<SystemTime>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BegunWritesPage {
    /// By path.
    pub writes: Vec<BegunWrite>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// Finds and removes begun writes, which an operator can't.
#[async_trait]
pub trait BegunWrites: Send + Sync + 'static {
    /// Those whose paths begin with `prefix`, behind `after`.
    async fn page(&self, prefix: &str, after: Option<&BegunWrite>) -> ::opendal::Result<BegunWritesPage>;

    /// Throws one away. One that is gone is fine.
    async fn abort(&self, write: &BegunWrite) -> ::opendal::Result<()>;
}

pub(super) async fn page(
    client: &Arc<Client>,
    prefix: &StorageKey,
    after: Option<&Unfinished>,
) -> Result<UnfinishedPage> {
    let Some(begun) = &client.options.begun else { return Ok(UnfinishedPage::default()) };
    let (path, after) = (format!("{}/", client.path("list unfinished", prefix)?), after.map(begun_write));
    let page = client.retry("list unfinished", prefix, || begun.page(&path, after.as_ref())).await?;
    // What is no key of ours was not written by us.
    let writes = page.writes.into_iter().filter_map(|BegunWrite { path, id, began }| {
        Some(Unfinished { key: StorageKey::parse(&path).ok()?, id, began })
    });
    Ok(UnfinishedPage { more: page.more, writes: writes.collect() })
}

pub(super) async fn abort(client: &Arc<Client>, write: &Unfinished) -> Result<()> {
    let Some(begun) = &client.options.begun else {
        return Err(StorageError::new(ErrorKind::Unsupported, "abort", &write.key));
    };
    let wanted = begun_write(write);
    client.retry("abort", &write.key, || begun.abort(&wanted)).await
}

fn begun_write(write: &Unfinished) -> BegunWrite {
    BegunWrite { path: write.key.as_str().to_owned(), id: write.id.clone(), began: write.began }
}
