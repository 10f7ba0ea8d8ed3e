//! Purging: the removal of uploads that nobody has finished.

use std::time::{Duration, SystemTime};

use super::{UnfinishedOutcome, UploadId};
use crate::oci::RepositoryName;
use crate::registry::pages::Pages;
use crate::registry::repositories::RepositoryWalk;
use crate::registry::{Error, Registry, Result};
use crate::storage::{ErrorKind, OptionalExt, StorageKey, layout};

/// An RFC 3339 time is shorter; what is longer is none.
const STARTED_AT_BYTES_MAX: u64 = 128;

/// What a purge found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeOutcome {
    /// Uploads that were removed, or would have been in a dry run.
    pub purged: u64,
    /// Uploads that are young enough, or being written to.
    pub kept: u64,
    /// Uploads that could not be looked at or removed.
    pub failed: u64,
    /// What crashes have left of writes in a storage that keeps it; nothing where that can't be listed.
    pub unfinished: UnfinishedOutcome,
}

/// An upload that a purge has removed, would have in a dry run, or could not.
#[derive(Debug)]
pub struct PurgedUpload<'a> {
    /// In which repository.
    pub repository: &'a RepositoryName,
    /// The name of its directory.
    pub id: &'a str,
    /// When it began, as far as that can be told.
    pub started: Option<SystemTime>,
    /// Why it could not be purged, if it could not.
    pub failed: Option<&'a Error>,
}

/// An upload that is old enough to go.
struct Old {
    /// When it began, where that is known.
    began: Option<SystemTime>,
}

/// What is to become of an upload.
enum Verdict {
    Purge(Option<SystemTime>),
    Keep,
}

impl Registry {
    /// Removes the uploads that began more than `age` ago, in every repository; in a dry run it only looks. `report` is told
    /// of each one. An upload whose own record of its beginning is lost goes by the age of its newest object.
    ///
    /// May run beside a server, in this process or another one. What this process is writing to is never removed; what another
    /// one is writing to is, once it is so old: its client gets 404 then, as after any purge.
    ///
    /// # Errors
    /// Only when the repositories can't be listed. An upload that can't be removed is reported.
    pub async fn purge_uploads(
        &self,
        age: Duration,
        dry_run: bool,
        report: &mut (dyn FnMut(&PurgedUpload<'_>) + Send),
    ) -> Result<PurgeOutcome> {
        let mut outcome = PurgeOutcome::default();
        let mut walk = RepositoryWalk::new(self.storage.as_ref());
        while let Some(found) = walk.next().await? {
            let Some(repository) = found.name().filter(|_| found.uploads) else { continue };
            let mut pages = Pages::children(self.storage.as_ref(), layout::uploads(&repository));
            while let Some(page) = pages.next().await? {
                for entry in page.into_iter().filter(|entry| entry.object.is_none()) {
                    let verdict = self.purge_upload(&repository, &entry.name, age, dry_run).await;
                    let (started, failed) = match &verdict {
                        Ok(Verdict::Keep) => {
                            outcome.kept += 1;
                            continue;
                        }
                        Ok(Verdict::Purge(started)) => (*started, None),
                        Err(error) => (None, Some(error)),
                    };
                    outcome.purged += u64::from(failed.is_none());
                    outcome.failed += u64::from(failed.is_some());
                    report(&PurgedUpload { repository: &repository, id: &entry.name, started, failed });
                }
            }
        }
        match self.purge_unfinished(age, dry_run).await {
            Ok(unfinished) => outcome.unfinished = unfinished,
            Err(error) => tracing::warn!(
                %error,
                "what crashes have left of writes can't be looked for; allow it (s3:ListBucketMultipartUploads, \
                 s3:AbortMultipartUpload; oss:ListMultipartUploads, oss:AbortMultipartUpload), or let the store expire it"
            ),
        }
        Ok(outcome)
    }

    async fn purge_upload(
        &self,
        repository: &RepositoryName,
        id: &str,
        age: Duration,
        dry_run: bool,
    ) -> Result<Verdict> {
        // What can't be an upload was put there by somebody else, who may still need it.
        let Ok(upload_id) = id.parse::<UploadId>() else { return Ok(Verdict::Keep) };
        if self.upload_age(repository, id, age).await?.is_none() {
            return Ok(Verdict::Keep);
        }
        // Only now, because whoever goes on with an upload that is taken is refused. Held until it is gone, and looked at once
        // more: a request may have gone on with it meanwhile.
        let Some(_taken) = self.uploads.take(&upload_id) else { return Ok(Verdict::Keep) };
        let Some(Old { began }) = self.upload_age(repository, id, age).await? else { return Ok(Verdict::Keep) };
        if !dry_run {
            self.storage.delete_prefix(&layout::upload(repository, id)).await?;
        }
        Ok(Verdict::Purge(began))
    }

    /// When an upload began, if that is longer ago than `age`; `None` for one that is to stay.
    async fn upload_age(&self, repository: &RepositoryName, id: &str, age: Duration) -> Result<Option<Old>> {
        let began = match self.upload_began(repository, id).await? {
            Some(began) => Some(began),
            None => self.upload_written(repository, id).await?,
        };
        // Nothing in it that has an age: an empty directory, or a backend that knows no times. Only the former may go.
        let old = match began {
            Some(began) => SystemTime::now().duration_since(began).is_ok_and(|passed| passed >= age),
            None => self.upload_is_empty(repository, id).await?,
        };
        Ok(old.then_some(Old { began }))
    }

    /// When an upload began, as its own record says; `None` when there is none that can be read.
    async fn upload_began(&self, repository: &RepositoryName, id: &str) -> Result<Option<SystemTime>> {
        let key = layout::upload_started_at(repository, id);
        let content = match self.storage.get(&key, STARTED_AT_BYTES_MAX).await.optional() {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::TooLarge => None,
            Err(error) => return Err(error.into()),
        };
        let text = content.as_deref().and_then(|content| std::str::from_utf8(content).ok());
        Ok(text.and_then(|text| text.trim().parse::<jiff::Timestamp>().ok()).map(SystemTime::from))
    }

    /// When the newest object of an upload was written.
    async fn upload_written(&self, repository: &RepositoryName, id: &str) -> Result<Option<SystemTime>> {
        let mut newest = None;
        let mut pages = self.upload_objects(layout::upload(repository, id));
        while let Some(page) = pages.next().await? {
            newest = newest.max(page.iter().filter_map(|entry| entry.object?.modified).max());
        }
        Ok(newest)
    }

    async fn upload_is_empty(&self, repository: &RepositoryName, id: &str) -> Result<bool> {
        let first = self.upload_objects(layout::upload(repository, id)).next().await?;
        Ok(first.is_none_or(|page| page.is_empty()))
    }

    fn upload_objects(&self, upload: StorageKey) -> Pages<'_> {
        Pages::subtree(self.storage.as_ref(), upload)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;

    use super::*;
    use crate::registry::RegistryOptions;
    use crate::registry::tests::parts_only::PartsOnly;
    use crate::storage::WriteOptions;
    use crate::storage::memory::MemoryStorage;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    fn registry() -> Arc<Registry> {
        Arc::new(Registry::new(Arc::new(MemoryStorage::new()), RegistryOptions::default()))
    }

    async fn put(registry: &Registry, key: StorageKey, content: String) {
        registry.storage().put(&key, Bytes::from(content), WriteOptions::default()).await.unwrap();
    }

    /// Begins an upload as if it had been so long ago.
    async fn begun(registry: &Registry, repository: &RepositoryName, id: &str, ago: Duration) {
        let began = jiff::Timestamp::try_from(SystemTime::now() - ago).unwrap();
        put(registry, layout::upload_started_at(repository, id), began.to_string()).await;
        put(registry, layout::upload_data(repository, id), "bytes".to_owned()).await;
    }

    async fn purge(registry: &Registry, age: Duration, dry_run: bool) -> (PurgeOutcome, Vec<String>) {
        let mut purged = Vec::new();
        let outcome = registry.purge_uploads(age, dry_run, &mut |upload| purged.push(upload.id.to_owned())).await;
        (outcome.unwrap(), purged)
    }

    #[tokio::test]
    async fn the_old_go_and_the_young_stay() {
        let registry = registry();
        let (a, b) = ("a".parse().unwrap(), "a/b".parse().unwrap());
        begun(&registry, &a, "old", WEEK * 2).await;
        begun(&registry, &a, "young", WEEK / 2).await;
        begun(&registry, &b, "old-too", WEEK * 2).await;
        let (outcome, purged) = purge(&registry, WEEK, true).await;
        assert_eq!((outcome.purged, outcome.kept, outcome.failed), (2, 1, 0));
        assert_eq!(purge(&registry, WEEK, false).await.1, purged);
        assert_eq!(purged, ["old", "old-too"]);
        assert_eq!(purge(&registry, WEEK, false).await.0, PurgeOutcome { kept: 1, ..PurgeOutcome::default() });
    }

    #[tokio::test]
    async fn an_upload_that_has_lost_its_beginning_goes_by_its_newest_object() {
        let registry = registry();
        let a = "a".parse().unwrap();
        put(&registry, layout::upload_started_at(&a, "torn"), String::new()).await;
        put(&registry, layout::upload_data(&a, "lost"), "bytes".to_owned()).await;
        assert_eq!(purge(&registry, WEEK, false).await.0.kept, 2);
        assert_eq!(purge(&registry, Duration::ZERO, false).await.1, ["lost", "torn"]);
    }

    /// Whoever went on with an upload while it was looked at was answered that another request was writing to it.
    #[tokio::test]
    async fn an_upload_that_is_only_looked_at_can_be_gone_on_with() {
        let storage = Arc::new(PartsOnly::new(MemoryStorage::new()));
        let registry = Arc::new(Registry::new(storage.clone(), RegistryOptions::default()));
        begun(&registry, &"a".parse().unwrap(), "young", WEEK / 2).await;
        let looks = Arc::new(Mutex::new(Vec::new()));
        let (weak, id, seen) = (Arc::downgrade(&registry), "young".parse().unwrap(), Arc::clone(&looks));
        storage.watch(move |_| {
            let busy = weak.upgrade().is_some_and(|registry| registry.uploads.is_busy(&id));
            seen.lock().unwrap().push(busy);
        });
        assert_eq!(purge(&registry, WEEK, false).await.0.kept, 1);
        assert_eq!(*looks.lock().unwrap(), [false]);
    }

    #[tokio::test]
    async fn what_is_being_written_to_stays() {
        let registry = registry();
        let a = "a".parse().unwrap();
        begun(&registry, &a, "busy", WEEK * 2).await;
        let taken = registry.uploads.take(&"busy".parse().unwrap());
        assert_eq!(purge(&registry, WEEK, false).await.0.kept, 1);
        drop(taken);
        assert_eq!(purge(&registry, WEEK, false).await.0.purged, 1);
    }

    #[tokio::test]
    async fn what_is_no_upload_is_left_alone() {
        let registry = registry();
        let foreign = layout::repositories().join("a/_uploads/no upload/startedat").unwrap();
        put(&registry, foreign.clone(), "2001-01-01T00:00:00Z".to_owned()).await;
        assert_eq!(purge(&registry, WEEK, false).await.0.kept, 1);
        assert!(registry.storage().stat(&foreign).await.is_ok());
    }
}
