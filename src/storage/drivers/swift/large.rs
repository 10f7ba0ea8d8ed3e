//! Large objects. Swift takes no object beyond 5 GiB: a larger one is a list of segments, which are objects themselves, and
//! which stay when only the list is deleted.
//!
//! * What Wharf writes in parts is a *static* large object; its segments lie under `.segments/`, before the whole key.
//!   It is deleted by the request that deletes exactly the segments that it lists, so that those of an object
//!   that another server is writing to the same key meanwhile are left alone.
//! * An upload that was begun and never finished leaves segments that nothing lists. They go with the upload's
//!   directory; those of a blob that was being put together, by the upload purge ([`super::begun`]).
//! * What `distribution` has written may be a *dynamic* one. It moves such an object by writing its list a second time, so an
//!   unfinished upload may share its segments with a blob: they go with a blob, and not with an upload.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::super::deleting::{DELETES_AT_ONCE, Deletes, LISTED_MAX};
use super::SEGMENT_BYTES_MIN;
use super::api::{Api, Kind};
use crate::storage::layout;
use crate::storage::opendal::OpendalStorage;
use crate::storage::{ErrorKind, ListRequest, Result, Shape, Storage, StorageError, StorageKey};

/// Deletes objects with their segments.
pub(super) struct LargeObjects {
    /// The container from its beginning, where the segments are.
    whole: OpendalStorage,
    api: Arc<Api>,
    root: String,
}

impl LargeObjects {
    pub(super) fn new(whole: OpendalStorage, api: Arc<Api>, root: &str) -> Self {
        Self { whole, api, root: root.to_owned() }
    }

    /// Deletes what lies beneath a directory of the container.
    async fn delete_segments(&self, directory: &str, key: &StorageKey) -> Result<()> {
        let prefix = StorageKey::parse(directory.trim_matches('/'))
            .map_err(|error| StorageError::new(ErrorKind::Corrupt, "delete", key).with_source(error.to_string()))?;
        let request = ListRequest { prefix, after: None, limit: LISTED_MAX, shape: Shape::Subtree };
        loop {
            let page = self.whole.list(&request).await?;
            let names = page.entries.iter().map(|entry| format!("{}/{}", request.prefix.as_str(), entry.name));
            let deletes = stream::iter(names.collect::<Vec<_>>()).map(Ok::<_, StorageError>);
            let delete = |name: String| async move { self.api.delete(&name, key).await };
            deletes.try_for_each_concurrent(DELETES_AT_ONCE, delete).await?;
            if !page.more || page.entries.is_empty() {
                return Ok(());
            }
        }
    }

    /// Where OpenDAL puts the segments of the objects beneath a directory.
    fn segments_of(&self, prefix: &StorageKey) -> String {
        let root = if self.root.is_empty() { String::new() } else { format!("{}/", self.root) };
        format!(".segments/{root}{}", prefix.as_str())
    }
}

/// Whether a key lies in an upload's directory, where only one client writes.
fn is_in_upload(key: &StorageKey) -> bool {
    key.as_str().split('/').any(|part| part == layout::UPLOADS)
}

#[async_trait]
impl Deletes for LargeObjects {
    async fn delete(&self, _: &OpendalStorage, key: &StorageKey, listed: Option<u64>) -> Result<()> {
        // A link is never large, and there are many. A dynamic large object is listed as one of no bytes.
        let small = listed.is_some_and(|size| (1..SEGMENT_BYTES_MIN as u64).contains(&size));
        let kind = if small || key.as_str().ends_with("/link") { Kind::Plain } else { self.api.kind(key).await? };
        match kind {
            Kind::None => Ok(()),
            Kind::Plain => self.api.delete(&self.api.name(key.as_str()), key).await,
            Kind::Static => self.api.delete_static(key).await,
            Kind::Dynamic { prefix } => {
                self.api.delete(&self.api.name(key.as_str()), key).await?;
                match is_in_upload(key) {
                    true => Ok(()),
                    false => self.delete_segments(&prefix, key).await,
                }
            }
        }
    }

    async fn after(&self, prefix: &StorageKey) -> Result<()> {
        match is_in_upload(prefix) {
            true => self.delete_segments(&self.segments_of(prefix), prefix).await,
            false => Ok(()),
        }
    }
}
