//! Verification: reads everything that is linked, and compares it with the digests that it goes by.
//!
//! It changes nothing and may run beside a server; what is pushed or deleted meanwhile may be reported or not. Content that no
//! repository links is not looked at: nobody can pull it.

mod compare;
mod report;

pub use report::{Kind, Problem, VerifyEvent};

use std::collections::{HashMap, HashSet};

use self::compare::Verdict;
use super::key::Sha256Key;
use super::pages::{Pages, linked_digest};
use super::repositories::RepositoryWalk;
use super::{Registry, Result};
use crate::oci::{Descriptor, Digest, Manifest, RepositoryName, Tag};
use crate::storage::{ErrorKind, OptionalExt, StorageKey, layout};

/// What a verification found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyOutcome {
    /// Blobs and manifests that were read, each once.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was reported as a [`Problem`].
    pub problems: u64,
}

/// Is told what happens, as it happens.
pub type VerifyReport<'a> = &'a mut (dyn FnMut(VerifyEvent<'_>) + Send);

/// A verification in progress. It holds 32 bytes (and the overhead of a hash table) for each blob that is linked.
struct Verification<'a> {
    registry: &'a Registry,
    whole: HashSet<Sha256Key>,
    broken: HashMap<Sha256Key, Verdict>,
    outcome: VerifyOutcome,
    report: VerifyReport<'a>,
}

impl Registry {
    /// Reads every blob and manifest that a repository links, one after the other, and reports what is missing, what does not
    /// have its digest, and which manifests and tags lead to something that is not there.
    ///
    /// # Errors
    /// When the storage can't be listed, or a link can't be read. A blob that can't be read is a [`Problem`].
    pub async fn verify(&self, report: VerifyReport<'_>) -> Result<VerifyOutcome> {
        let (whole, broken, outcome) = (HashSet::new(), HashMap::new(), VerifyOutcome::default());
        let mut verification = Verification { registry: self, whole, broken, outcome, report };
        let mut walk = RepositoryWalk::new(self.storage.as_ref());
        while let Some(found) = walk.next().await? {
            if let Some(repository) = found.name().filter(|_| found.manifests || found.layers) {
                (verification.report)(VerifyEvent::Repository(&repository));
                verification.repository(&repository).await?;
            }
        }
        Ok(verification.outcome)
    }
}

impl Verification<'_> {
    async fn repository(&mut self, repository: &RepositoryName) -> Result<()> {
        let layer = |digest: &Digest| layout::layer_link(repository, digest);
        self.links(repository, Kind::Blob, layout::layers(repository), layer).await?;
        let revision = |digest: &Digest| layout::revision_link(repository, digest);
        self.links(repository, Kind::Manifest, layout::revisions(repository), revision).await?;
        self.tags(repository).await
    }

    /// Looks at every link beneath `prefix`, and at what it leads to.
    async fn links(
        &mut self,
        repository: &RepositoryName,
        kind: Kind,
        prefix: StorageKey,
        link_of: impl Fn(&Digest) -> StorageKey,
    ) -> Result<()> {
        let registry = self.registry;
        let mut pages = Pages::subtree(registry.storage.as_ref(), prefix);
        while let Some(page) = pages.next().await? {
            for digest in page.iter().filter_map(|entry| linked_digest(&entry.name)) {
                let link = registry.read_link(&link_of(&digest)).await?;
                let key = link.as_ref().and_then(Sha256Key::of);
                let Some(key) = key.filter(|key| Sha256Key::of(&digest).is_none_or(|own| own == *key)) else {
                    self.problem(repository, Problem::BadLink(kind, digest));
                    continue;
                };
                if self.content(repository, kind, &digest, key).await? && kind == Kind::Manifest {
                    self.manifest(repository, &digest, key).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads what is stored as `key`, unless that was done already; whether it is what `digest` says.
    async fn content(
        &mut self,
        repository: &RepositoryName,
        kind: Kind,
        digest: &Digest,
        key: Sha256Key,
    ) -> Result<bool> {
        let verdict = if !digest.is_canonical() {
            // Read once more, because the bytes are to be compared with another digest.
            self.read(&key.digest(), digest).await
        } else if self.whole.contains(&key) {
            Verdict::Whole
        } else if let Some(verdict) = self.broken.get(&key) {
            verdict.clone()
        } else {
            let verdict = self.read(digest, digest).await;
            match verdict {
                Verdict::Whole => drop(self.whole.insert(key)),
                _ => drop(self.broken.insert(key, verdict.clone())),
            }
            verdict
        };
        let digest = digest.clone();
        let problem = match verdict {
            Verdict::Whole => return Ok(true),
            Verdict::Missing => Problem::Missing(kind, digest),
            Verdict::Other(found) => Problem::Mismatch { kind, digest, found },
            Verdict::Unreadable(reason) => Problem::Unreadable { kind, digest, reason },
        };
        self.problem(repository, problem);
        Ok(false)
    }

    async fn read(&mut self, canonical: &Digest, digest: &Digest) -> Verdict {
        let (verdict, bytes) = compare::compare(self.registry.storage.as_ref(), canonical, digest).await;
        self.outcome.blobs += 1;
        self.outcome.bytes += bytes;
        verdict
    }

    /// Looks whether the repository has what a manifest needs. A child that is not there is none of it: indexes may be sparse.
    async fn manifest(&mut self, repository: &RepositoryName, digest: &Digest, key: Sha256Key) -> Result<()> {
        let bytes_max = self.registry.options.manifest_bytes_max.max(4 << 20);
        let bytes = match self.registry.storage.get(&layout::blob_data(&key.digest()), bytes_max).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                let reason = format!("it has more than {bytes_max} bytes");
                self.problem(repository, Problem::Foreign { digest: digest.clone(), reason });
                return Ok(());
            }
            // Deleted a moment ago.
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let manifest = match Manifest::parse_stored(&bytes) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.problem(repository, Problem::Foreign { digest: digest.clone(), reason: error.to_string() });
                return Ok(());
            }
        };
        // What can be had elsewhere need not be here.
        for Descriptor { digest: blob, .. } in manifest.blobs().filter(|blob| blob.urls.is_empty()) {
            if self.registry.read_link(&layout::layer_link(repository, blob)).await?.is_none() {
                self.problem(repository, Problem::NotLinked { manifest: digest.clone(), blob: blob.clone() });
            }
        }
        Ok(())
    }

    async fn tags(&mut self, repository: &RepositoryName) -> Result<()> {
        let registry = self.registry;
        let mut pages = Pages::children(registry.storage.as_ref(), layout::tags(repository));
        while let Some(page) = pages.next().await? {
            for tag in page.into_iter().filter_map(|entry| entry.name.parse::<Tag>().ok()) {
                let link = layout::tag_link(repository, &tag);
                let target = registry.read_link(&link).await?;
                let leads_somewhere = match &target {
                    Some(digest) => {
                        let revision = layout::revision_link(repository, digest);
                        registry.storage.stat(&revision).await.optional()?.is_some()
                    }
                    // Without a link there is no such tag: a push was cut off before it was there.
                    None => registry.storage.stat(&link).await.optional()?.is_none(),
                };
                if !leads_somewhere {
                    self.problem(repository, Problem::Dangling { tag, target });
                }
            }
        }
        Ok(())
    }

    fn problem(&mut self, repository: &RepositoryName, problem: Problem) {
        self.outcome.problems += 1;
        (self.report)(VerifyEvent::Problem { repository, problem: &problem });
    }
}

#[cfg(test)]
mod tests;
