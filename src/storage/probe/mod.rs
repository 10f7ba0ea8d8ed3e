//! Trying a storage out: what it can do is shown here, at start, and not taken from its name.
//!
//! Some stores accept a condition and ignore it, some list nothing until a minute later, some keys may read and not delete.
//! Each of these is found with a handful of requests under a scratch key, before the first client comes.

mod findings;

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::join_all;

pub use findings::{Findings, Outcome, Step};

use super::{ByteRange, ErrorKind, ListRequest, Result, Shape, Storage, StorageError, StorageKey, WriteOptions};

/// The size of the scratch object.
const BYTES: usize = 4096;
/// The size of the parts of an assembled one: S3 takes no smaller ones, but for the last.
const PART_BYTES: usize = 5 << 20;
/// How many writers race for one key.
const RACERS: usize = 6;
/// What is listed in pages.
const PAGED: [&str; 5] = ["a", "b", "c", "d", "e"];
/// For how long a URL is made.
const URL_SECONDS: u64 = 300;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only what changes nothing.
    ReadOnly,
    /// What a server needs to know at start.
    Start,
    /// Everything, with objects of several MiB.
    Full,
}

/// Asks a URL as a client would. Gives the status, the content type and the first bytes, or `None` when the host could not be
/// reached, which says nothing about whether clients can.
#[async_trait::async_trait]
pub trait FetchUrl: Send + Sync {
    /// GET.
    async fn fetch(&self, url: &str) -> Option<(u16, String, Bytes)>;
}

/// What is behind an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What is wrong, and its mend.
    pub sentence: String,
    /// Whether waiting could mend it.
    pub may_pass: bool,
}

impl From<&StorageError> for Explained {
    fn from(error: &StorageError) -> Self {
        Self { sentence: error.to_string(), may_pass: error.is_retryable() }
    }
}

/// Tells what is behind an error.
pub type Explain<'a> = &'a (dyn Fn(&StorageError) -> Explained + Sync);

/// Tries out a storage that should do everything it is believed to be able to.
pub async fn probe(
    storage: &Arc<dyn Storage>,
    depth: Depth,
    explain: Explain<'_>,
    fetch: Option<&dyn FetchUrl>,
) -> Findings {
    let name = format!("wharf/probe/{}", uuid::Uuid::new_v4().simple());
    let Ok(scratch) = StorageKey::parse(&name) else { return Findings::default() };
    let mut probe = Probe { storage, explain, scratch, findings: Findings::default() };
    probe.run(depth, fetch).await;
    probe.findings
}

struct Probe<'a> {
    storage: &'a Arc<dyn Storage>,
    explain: Explain<'a>,
    scratch: StorageKey,
    findings: Findings,
}

impl Probe<'_> {
    async fn run(&mut self, depth: Depth, fetch: Option<&dyn FetchUrl>) {
        if depth == Depth::ReadOnly {
            let started = Instant::now();
            let listed = self.list().await.map(drop);
            self.must("list", started, listed);
            return;
        }
        let started = Instant::now();
        let put = self.put("object").await;
        // Without the right to write there is nothing else to try.
        if self.must("write", started, put) {
            self.reading().await;
            self.conditions().await;
            self.copying(depth).await;
            if let Some(fetch) = fetch {
                self.urls(fetch).await;
            }
            self.deleting().await;
        }
    }

    fn key(&self, name: &str) -> Result<StorageKey> {
        self.scratch
            .join(name)
            .map_err(|error| StorageError::new(ErrorKind::Other, "probe", &self.scratch).with_source(error.to_string()))
    }

    fn wrong(&self, text: impl Into<String>) -> StorageError {
        StorageError::new(ErrorKind::Corrupt, "probe", &self.scratch).with_source(text.into())
    }

    fn step(&mut self, name: &'static str, started: Instant, outcome: Outcome, note: impl Into<String>) {
        let step = Step { name, outcome, note: note.into(), took: started.elapsed(), may_pass: false };
        self.findings.steps.push(step);
    }

    /// Notes a step that must succeed; whether it has.
    fn must(&mut self, name: &'static str, started: Instant, result: Result<()>) -> bool {
        match result {
            Ok(()) => self.step(name, started, Outcome::Works, ""),
            Err(error) => {
                let Explained { sentence, may_pass } = (self.explain)(&error);
                self.step(name, started, Outcome::Fails, sentence);
                if let Some(step) = self.findings.steps.last_mut() {
                    step.may_pass = may_pass;
                }
                return false;
            }
        }
        true
    }

    async fn put(&self, name: &str) -> Result<()> {
        self.storage.put(&self.key(name)?, content(), WriteOptions::default()).await
    }

    async fn reading(&mut self) {
        let started = Instant::now();
        let read = self.ranged("object", 1000, 96).await;
        self.must("ranged read", started, read);
        let started = Instant::now();
        let listed = match self.list().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.wrong("an object that was just written is not listed")),
            Err(error) => Err(error),
        };
        if self.must("list", started, listed) {
            let started = Instant::now();
            let paged = self.paging().await;
            if !self.must("list in pages", started, paged)
                && let Some(step) = self.findings.steps.last_mut()
            {
                // One page came, so waiting for the next would be in vain.
                step.may_pass = false;
                step.note =
                    format!("a listing of more than one page can't be relied on, and so no collection: {}", step.note);
            }
        }
    }

    /// Lists a few objects by two at a time. A store that loses some between its pages would have a collection delete what is in
    /// use.
    async fn paging(&self) -> Result<()> {
        let written = join_all(PAGED.map(|name| async move { self.put(&format!("pages/{name}/object")).await })).await;
        written.into_iter().collect::<Result<()>>()?;
        for shape in [Shape::Subtree, Shape::Children] {
            let mut request = ListRequest { prefix: self.key("pages")?, after: None, limit: 2, shape };
            let mut names = Vec::new();
            loop {
                let page = self.storage.list(&request).await?;
                let (more, is_empty) = (page.more, page.entries.is_empty());
                names.extend(page.entries.into_iter().map(|entry| entry.name));
                request.after = names.last().cloned();
                if !more || is_empty || names.len() > PAGED.len() {
                    break;
                }
            }
            let found = names.iter().map(|name| name.trim_end_matches("/object")).collect::<Vec<_>>();
            if found != PAGED {
                return Err(self.wrong(format!("written were {PAGED:?}, listed {found:?}")));
            }
        }
        Ok(())
    }

    async fn ranged(&self, name: &str, start: usize, len: usize) -> Result<()> {
        let range = ByteRange { start: start as u64, len: Some(len as u64) };
        let mut stream = self.storage.read(&self.key(name)?, range).await?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = stream.body.next().await {
            bytes.extend_from_slice(&piece?);
        }
        match bytes[..] == content()[start..start + len] {
            true => Ok(()),
            false => Err(self.wrong(format!("of {len} bytes of a range, {} came, or others", bytes.len()))),
        }
    }

    /// Whether the object is listed, with its size.
    async fn list(&self) -> Result<bool> {
        let request = ListRequest { prefix: self.scratch.clone(), after: None, limit: 10, shape: Shape::Subtree };
        let page = self.storage.list(&request).await?;
        let is_it = |entry: &super::ListEntry| entry.object.is_some_and(|meta| meta.size == BYTES as u64);
        Ok(page.entries.iter().any(|entry| entry.name == "object" && is_it(entry)))
    }

    async fn conditions(&mut self) {
        let started = Instant::now();
        if !self.storage.capabilities().conditional_put {
            self.step("conditional write", started, Outcome::Missing, "this kind of storage has none to rely on");
            return;
        }
        let (outcome, note) = match self.race().await {
            Ok(1) => (Outcome::Works, String::new()),
            Ok(0) => {
                (Outcome::Missing, "no writer won; two replicas that start at once may disagree for a moment".into())
            }
            Ok(winners) => {
                let tried = RACERS + 1;
                let note = format!("the store ignores the condition: {winners} of {tried} writers won");
                (Outcome::Missing, note)
            }
            Err(error) => (Outcome::Missing, (self.explain)(&error).sentence),
        };
        self.findings.conditional_put = outcome == Outcome::Works;
        self.step("conditional write", started, outcome, note);
    }

    /// Lets several writers write one key that is not there yet; how many believe that they have.
    async fn race(&self) -> Result<usize> {
        let key = self.key("race")?;
        let options = WriteOptions { if_absent: true, ..WriteOptions::default() };
        let racers = join_all((0..RACERS).map(|_| self.storage.put(&key, content(), options))).await;
        let mut winners = 0;
        for racer in racers {
            match racer {
                Ok(()) => winners += 1,
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        // One after the other, too: some stores decide by who comes first, and some by nothing.
        match self.storage.put(&key, content(), options).await {
            Ok(()) => Ok(winners.max(1) + 1),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(winners),
            Err(error) => Err(error),
        }
    }

    async fn copying(&mut self, depth: Depth) {
        let started = Instant::now();
        let copied = self.copy().await;
        self.must("copy", started, copied);
        if depth == Depth::Full {
            let started = Instant::now();
            let assembled = self.assemble().await;
            let inside = self.storage.capabilities().server_side_assemble;
            if self.must("assemble", started, assembled) && !inside {
                let note = "the bytes of large uploads go through this server once more";
                self.step("assemble within the store", started, Outcome::Missing, note);
            }
        }
    }

    async fn copy(&self) -> Result<()> {
        self.storage.copy(&self.key("object")?, &self.key("copy")?).await?;
        self.ranged("copy", 0, BYTES).await
    }

    async fn assemble(&self) -> Result<()> {
        let parts = [self.key("part-1")?, self.key("part-2")?];
        let large = Bytes::from(vec![7; PART_BYTES]);
        self.storage.put(&parts[0], large, WriteOptions::default()).await?;
        self.storage.put(&parts[1], content(), WriteOptions::default()).await?;
        let whole = self.key("whole")?;
        self.storage.assemble(&parts, &whole).await?;
        let size = self.storage.stat(&whole).await?.size;
        match size == (PART_BYTES + BYTES) as u64 {
            true => Ok(()),
            false => Err(self.wrong(format!("an assembled object has {size} bytes"))),
        }
    }

    async fn urls(&mut self, fetch: &dyn FetchUrl) {
        let started = Instant::now();
        let (outcome, note) = match self.try_url(fetch).await {
            Ok((good, note)) => (if good { Outcome::Works } else { Outcome::Missing }, note),
            Err(error) => (Outcome::Missing, (self.explain)(&error).sentence),
        };
        self.findings.urls = outcome == Outcome::Works;
        self.step("redirects", started, outcome, note);
    }

    async fn try_url(&self, fetch: &dyn FetchUrl) -> Result<(bool, String)> {
        let Some(url) = self.storage.url(&self.key("object")?, URL_SECONDS).await? else {
            return Ok((false, "no URLs can be signed; blobs are sent by this server".into()));
        };
        Ok(match fetch.fetch(&url).await {
            None => (true, "not tried: the host that clients are sent to can't be reached from here".into()),
            Some((200, kind, bytes)) if bytes == content() => match kind.as_str() {
                "application/octet-stream" => (true, String::new()),
                _ => (true, format!("the store serves blobs as {kind:?}")),
            },
            Some((status, _, _)) => {
                (false, format!("a signed URL was answered with {status}; blobs are sent by this server"))
            }
        })
    }

    async fn deleting(&mut self) {
        let started = Instant::now();
        let deleted = self.delete().await;
        self.must("delete", started, deleted);
    }

    async fn delete(&self) -> Result<()> {
        self.storage.delete_prefix(&self.scratch).await?;
        match self.storage.stat(&self.key("object")?).await {
            Err(error) if error.is_not_found() => Ok(()),
            Ok(_) => Err(self.wrong("an object that was deleted is still there")),
            Err(error) => Err(error),
        }
    }
}

/// What the scratch object holds.
fn content() -> Bytes {
    (0..BYTES).map(|place| (place % 251) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::MemoryStorage;

    #[tokio::test]
    async fn a_storage_that_does_all_of_it_passes_and_is_left_clean() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let findings = probe(&storage, Depth::Full, &|error| error.into(), None).await;
        assert_eq!(findings.failure(), None);
        assert_eq!(findings.conditional_put, storage.capabilities().conditional_put);
        let request =
            ListRequest { prefix: StorageKey::parse("wharf").unwrap(), after: None, limit: 10, shape: Shape::Subtree };
        assert_eq!(storage.list(&request).await.unwrap().entries, []);
    }
}
