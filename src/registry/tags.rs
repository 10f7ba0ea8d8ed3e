//! Tags: one small object each, read fresh at every request.

use futures_util::future::try_join_all;

use super::pages::PAGE;
use super::{Error, Registry, Result};
use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::storage::{ListRequest, Shape, layout};

/// How many tag links are read at once when all tags of a repository are looked through.
const TAG_READS_MAX: usize = 16;

/// A page of a repository's tags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagsPage {
    /// The tags, in ASCII order.
    pub tags: Vec<Tag>,
    /// Whether there is at least one more behind the last one.
    pub more: bool,
}

impl Registry {
    /// The digest that a tag points at.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] when there is no such tag.
    pub async fn resolve_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Digest> {
        let link = self.read_link(&layout::tag_link(repository, tag)).await?;
        link.ok_or_else(|| unknown(repository, tag))
    }

    /// Up to `limit` tags (all without one) that come after `last`, which need not exist.
    ///
    /// # Errors
    /// [`Error::NameUnknown`] when there is no such repository.
    pub async fn list_tags(
        &self,
        repository: &RepositoryName,
        last: Option<&str>,
        limit: Option<usize>,
    ) -> Result<TagsPage> {
        let mut page = TagsPage::default();
        let mut after = last.map(str::to_owned);
        loop {
            let wanted = limit.map_or(PAGE, |limit| limit - page.tags.len());
            if wanted == 0 {
                break;
            }
            let request = ListRequest {
                prefix: layout::tags(repository),
                after,
                limit: wanted.min(PAGE),
                shape: Shape::Children,
            };
            let listed = self.storage.list(&request).await?;
            after = listed.entries.last().map(|entry| entry.name.clone());
            // What is no tag was put there by somebody else and is passed over.
            page.tags.extend(listed.entries.iter().filter_map(|entry| entry.name.parse::<Tag>().ok()));
            page.more = listed.more;
            if !listed.more {
                break;
            }
        }
        if page.tags.is_empty() && !self.repository_exists(repository).await? {
            return Err(Error::NameUnknown(repository.clone()));
        }
        Ok(page)
    }

    /// Removes a tag with its history.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] when there is no such tag.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        self.resolve_tag(repository, tag).await?;
        Ok(self.storage.delete_prefix(&layout::tag(repository, tag)).await?)
    }

    /// Every tag that points at one of `digests` now.
    pub(super) async fn tags_of(&self, repository: &RepositoryName, digests: &[Digest]) -> Result<Vec<Tag>> {
        let all = match self.list_tags(repository, None, None).await {
            Ok(page) => page.tags,
            Err(Error::NameUnknown(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut pointing = Vec::new();
        for some in all.chunks(TAG_READS_MAX) {
            let links: Vec<_> = some.iter().map(|tag| layout::tag_link(repository, tag)).collect();
            let targets = try_join_all(links.iter().map(|link| self.read_link(link))).await?;
            let points = |target: &Option<Digest>| target.as_ref().is_some_and(|target| digests.contains(target));
            pointing.extend(some.iter().zip(&targets).filter(|(_, target)| points(target)).map(|(tag, _)| tag.clone()));
        }
        Ok(pointing)
    }

    /// Whether anything was ever pushed to a repository and is still there.
    pub async fn repository_exists(&self, repository: &RepositoryName) -> Result<bool> {
        // What belongs to the repository itself begins with '_', and '^' is the character before it.
        let request = ListRequest {
            prefix: layout::repository(repository),
            after: Some("^".to_owned()),
            limit: 2,
            shape: Shape::Children,
        };
        let page = self.storage.list(&request).await?;
        Ok(page.entries.iter().any(|entry| entry.name == layout::LAYERS || entry.name == layout::MANIFESTS))
    }
}

pub(super) fn unknown(repository: &RepositoryName, tag: &Tag) -> Error {
    Error::ManifestUnknown { repository: repository.clone(), reference: Reference::Tag(tag.clone()) }
}
