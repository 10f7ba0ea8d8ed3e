//! Purging what crashes have left of writes, where the storage keeps it out of sight: unfinished multipart uploads of S3 and OSS.

use std::time::{Duration, SystemTime};

use super::UploadId;
use crate::registry::{Registry, Result};
use crate::storage::{StorageKey, Unfinished, layout};

/// A blob that is being put together is no upload that could be known to be under way, and may take long.
const ASSEMBLY_AGE_MIN: Duration = Duration::from_secs(3600);

/// What a purge found of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnfinishedOutcome {
    /// Removed, or would have been in a dry run.
    pub purged: u64,
    /// Young enough, under way here, or of an unknown age.
    pub kept: u64,
    /// Could not be removed.
    pub failed: u64,
}

impl Registry {
    /// Removes the unfinished writes of the registry that began more than `age` ago; in a dry run it only looks. What this
    /// process is writing is never removed; what another one has been writing for so long is.
    pub(super) async fn purge_unfinished(&self, age: Duration, dry_run: bool) -> Result<UnfinishedOutcome> {
        let mut outcome = UnfinishedOutcome::default();
        for prefix in [layout::root(), layout::own()] {
            let mut after: Option<Unfinished> = None;
            loop {
                let page = self.storage.list_unfinished(&prefix, after.as_ref()).await?;
                for write in &page.writes {
                    if !self.is_abandoned(write, age) {
                        outcome.kept += 1;
                        continue;
                    }
                    match if dry_run { Ok(()) } else { self.storage.abort_unfinished(write).await } {
                        Ok(()) => outcome.purged += 1,
                        Err(error) => {
                            tracing::warn!(%error, "an unfinished write could not be removed");
                            outcome.failed += 1;
                        }
                    }
                }
                if !page.more || page.writes.is_empty() {
                    break;
                }
                after = page.writes.into_iter().next_back();
            }
        }
        Ok(outcome)
    }

    fn is_abandoned(&self, write: &Unfinished, age: Duration) -> bool {
        let passed = write.began.and_then(|began| SystemTime::now().duration_since(began).ok());
        let (Some(passed), upload) = (passed, upload_of(&write.key)) else { return false };
        let age = if upload.is_some() { age } else { age.max(ASSEMBLY_AGE_MIN) };
        passed >= age && upload.is_none_or(|id| !self.uploads.is_busy(&id))
    }
}

/// The upload that a key belongs to: `…/_uploads/<id>/…`.
fn upload_of(key: &StorageKey) -> Option<UploadId> {
    let mut components = key.as_str().split('/');
    components.find(|component| *component == layout::UPLOADS)?;
    components.next()?.parse().ok()
}
