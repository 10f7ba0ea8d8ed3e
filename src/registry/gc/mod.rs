//! Garbage collection: deletes the blobs that no manifest needs any more, and on request the manifests that no tag leads to.
//!
//! First everything that is needed is marked, in all repositories, and nothing is touched until that has succeeded. Then the
//! rest is swept, from the top downwards: what makes a manifest known, then what makes a blob known, then the bytes. So a
//! collection that is cut off at any point has taken nothing away from what is left, and running it again finishes the job.
//!
//! What is needed:
//! * every manifest of a repository; with [`GcOptions::delete_untagged`] only those that a tag of the repository leads to:
//!   directly, as child of a needed index, or because their subject is needed (signatures, SBOMs), and so on from there;
//! * every blob that a needed manifest refers to, whatever algorithm the reference uses;
//! * a manifest that is none that Wharf can read, and everything that it could refer to.
//!
//! It must not run while something is pushed: a layer that has arrived before its manifest looks like garbage. Nothing here
//! can tell the two apart, because `distribution` keeps no trace of a deleted manifest either; [`GcOptions::grace`] goes by age.

mod content;

mod mark;
mod prune;
mod report;
mod revisions;
mod sweep;
mod tags;

pub use report::{GcEvent, GcWarning};

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use self::mark::Marker;
use super::key::Sha256Key;
use super::repositories::RepositoryWalk;
use super::{Error, Registry};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::storage::{ObjectMeta, layout};

/// How to collect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Only report; change nothing.
    pub dry_run: bool,
    /// Delete manifests, too, that no tag of their repository leads to.
    pub delete_untagged: bool,
    /// Keep what was written less than this ago, although nothing needs it: manifests, links and blobs, and those whose age
    /// the storage does not know. None by default, so that a collection right after a delete frees the space at once.
    pub grace: Duration,
}

/// What a collection found, and deleted unless it was a dry run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcOutcome {
    /// Blobs that are needed, manifests among them.
    pub marked: u64,
    /// Blobs that are not, manifests among them.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Manifests that no tag leads to.
    pub manifests: u64,
    /// Links to blobs that are not needed.
    pub layer_links: u64,
}

/// Why a collection ended early. Nothing that is needed has been deleted, and it can be run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GcError {
    /// Somebody put manifests where no repository can be: what they need can't be known.
    #[error(
        "{0:?} holds manifests or layers, but is no valid repository name: rename that directory or move it out of the \
         storage, then collect again"
    )]
    ForeignRepository(String),
    /// The storage failed.
    #[error(transparent)]
    Registry(#[from] Error),
}

impl From<crate::storage::StorageError> for GcError {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Registry(error.into())
    }
}

type Result<T> = std::result::Result<T, GcError>;

/// Is told what happens, as it happens.
pub type GcReport<'a> = &'a mut (dyn FnMut(GcEvent<'_>) + Send);

/// A collection in progress. It holds 32 bytes (and the overhead of a hash table) for each blob in the storage.
struct Collection<'a> {
    registry: &'a Registry,
    options: GcOptions,
    started: SystemTime,
    marked: HashSet<Sha256Key>,
    report: GcReport<'a>,
}

/// A manifest that is to be deleted from a repository.
struct Candidate {
    key: Sha256Key,
    /// The tags that once pointed at it.
    history: Vec<Tag>,
}

/// Those of one repository.
struct Candidates {
    repository: RepositoryName,
    manifests: Vec<Candidate>,
}

impl Registry {
    /// Collects the whole storage once. Works beside nothing else that writes to it (see the module's documentation).
    ///
    /// # Errors
    /// [`GcError`]. Before anything was deleted, if it is found while marking.
    pub async fn collect_garbage(
        &self,
        options: GcOptions,
        report: GcReport<'_>,
    ) -> std::result::Result<GcOutcome, GcError> {
        let started = SystemTime::now();
        let mut collection = Collection { registry: self, options, started, marked: HashSet::new(), report };
        let candidates = collection.mark().await?;
        collection.sweep(candidates).await
    }
}

impl Collection<'_> {
    async fn mark(&mut self) -> Result<Vec<Candidates>> {
        let mut walk = RepositoryWalk::new(self.registry.storage.as_ref());
        let mut candidates = Vec::new();
        while let Some(found) = walk.next().await? {
            if !found.manifests && !found.layers {
                continue;
            }
            let repository = found.name().ok_or_else(|| GcError::ForeignRepository(found.path.clone()))?;
            (self.report)(GcEvent::Repository(&repository));
            let manifests = Marker::mark(self, &repository).await?;
            if !manifests.is_empty() {
                candidates.push(Candidates { repository, manifests });
            }
        }
        Ok(candidates)
    }

    /// Whether an object is so new that it is kept whatever refers to it.
    fn is_young(&self, object: Option<&ObjectMeta>) -> bool {
        let written = object.and_then(|object| object.modified);
        // A time in the future, or none at all, says nothing about the age.
        let age = written.and_then(|written| self.started.duration_since(written).ok());
        !self.options.grace.is_zero() && age.is_none_or(|age| age < self.options.grace)
    }

    /// The blob that a repository calls `digest`. Only its own link can tell, unless it is the canonical digest.
    async fn linked_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Sha256Key>> {
        match Sha256Key::of(digest) {
            Some(key) => Ok(Some(key)),
            None => {
                let link = self.registry.read_link(&layout::layer_link(repository, digest)).await?;
                Ok(link.as_ref().and_then(Sha256Key::of))
            }
        }
    }

    fn warn(&mut self, repository: &RepositoryName, warning: GcWarning) {
        (self.report)(GcEvent::Warning { repository, warning: &warning });
    }
}

#[cfg(test)]
mod tests;
