//! Listing: pages of a component, checked, as many as a request needs.

mod checked;
mod children;

use super::errors::Call;
use super::session::{ask, has};
use super::{PluginStorage, convert};
use crate::storage::{ListPage, ListRequest, Result, Shape, StorageKey};
use wharf_bindings::storage::wharf::storage::types as wit;

/// The contract's bound of one page, in entries.
const PAGE_ENTRIES_MAX: usize = 1000;

impl PluginStorage {
    /// Lists as the trait demands: a page has fewer entries than asked for only at the end.
    pub(super) async fn list_all(&self, request: &ListRequest) -> Result<ListPage> {
        let limit = request.limit.max(1);
        if request.shape == Shape::Children && !self.found().flags.contains(wit::CapabilityFlags::LIST_CHILDREN) {
            return children::page(self, request, limit).await;
        }
        let mut after = request.after.clone();
        let mut all = ListPage::default();
        loop {
            let asked = ListRequest {
                prefix: request.prefix.clone(),
                after: after.take(),
                limit: limit - all.entries.len(),
                shape: request.shape,
            };
            let Some(page) = self.list_page(&asked).await? else { return children::page(self, request, limit).await };
            all.entries.extend(page.entries);
            all.more = page.more;
            if !all.more || all.entries.len() >= limit {
                return Ok(all);
            }
            after = all.entries.last().map(|entry| entry.name.clone());
        }
    }

    /// One page of a subtree, which every component lists.
    async fn subtree_page(&self, request: &ListRequest) -> Result<ListPage> {
        Ok(self.list_page(request).await?.unwrap_or_default())
    }

    /// One page of the component, with at most [`PAGE_ENTRIES_MAX`] entries; `None` when children are asked for, which the
    /// version that was to list them can't.
    async fn list_page(&self, request: &ListRequest) -> Result<Option<ListPage>> {
        let call = self.call("list", &request.prefix);
        let asked = request.limit.clamp(1, PAGE_ENTRIES_MAX);
        let told = wit::ListRequest {
            prefix: convert::name(&request.prefix),
            after: request.after.clone(),
            limit: u32::try_from(asked).unwrap_or(u32::MAX),
            shape: convert::shape(request.shape),
        };
        let children = request.shape == Shape::Children;
        let page = ask!(self, &call, |store, exports| async {
            match children && !exports.can(wit::CapabilityFlags::LIST_CHILDREN) {
                true => Ok(Ok(None)),
                false => exports.backend.wharf_storage_backend().call_list(store, &told).await.map(has),
            }
        })?;
        let Some(page) = page else { return Ok(None) };
        let page =
            checked::page(page, &ListRequest { limit: asked, ..request.clone() }).map_err(|what| call.broken(what))?;
        Ok(Some(page))
    }

    /// Deletes what lies beneath a prefix, page by page.
    pub(super) async fn delete_listed(&self, call: &Call, prefix: &StorageKey) -> Result<()> {
        loop {
            let request =
                ListRequest { prefix: prefix.clone(), after: None, limit: PAGE_ENTRIES_MAX, shape: Shape::Subtree };
            let page = self.subtree_page(&request).await?;
            let keys = page.entries.iter().map(|entry| prefix.join(&entry.name));
            let keys: Vec<StorageKey> =
                keys.collect::<std::result::Result<_, _>>().map_err(|error| call.broken(error))?;
            if keys.is_empty() {
                return Ok(());
            }
            self.delete_keys(&keys).await?;
            if !page.more {
                return Ok(());
            }
        }
    }
}
