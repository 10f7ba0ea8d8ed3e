//! A small file whose content counts as it stands on the disk now, while the server runs.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

/// A stamp younger than this proves nothing: two writes within one tick of the file system's clock bear the same time (two
/// seconds is the coarsest clock in use). Until it is older, the content itself is compared.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

type Parse<T> = Box<dyn Fn(&[u8]) -> Result<T, String> + Send + Sync>;

/// A parsed file that is read again when it has changed.
///
/// Looking at the file and reading it happen off the async threads, once for all requests that wait at that moment.
pub(super) struct Watched<T> {
    source: Arc<Source<T>>,
    seen: ArcSwap<Seen<T>>,
    /// Held by the one task that looks at the file.
    looking: Mutex<()>,
}

/// What a look at the file gave.
pub(super) struct Content<T> {
    /// The newest content that could be parsed.
    pub(super) value: Arc<T>,
    /// Why the file as it is now is not that content: it is gone, can't be read, can't be parsed.
    pub(super) problem: Option<Arc<str>>,
    /// SHA-256 of the bytes that `value` was parsed from.
    pub(super) digest: [u8; 32],
}

impl<T> Clone for Content<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), problem: self.problem.clone(), digest: self.digest }
    }
}

struct Source<T> {
    path: PathBuf,
    bytes_max: u64,
    parse: Parse<T>,
}

struct Seen<T> {
    content: Content<T>,
    /// When the look began.
    at: Instant,
    /// `None` when the look failed: the next one starts afresh.
    state: Option<State>,
}

#[derive(Clone, Copy)]
struct State {
    stamp: Stamp,
    settled: bool,
}

/// What tells that a file was written to or replaced, without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    size: u64,
    inode: (u64, u64),
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the file for the first time. Blocks; meant for the start of the server.
    pub(super) fn open(
        path: impl Into<PathBuf>,
        bytes_max: u64,
        parse: impl Fn(&[u8]) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let source = Arc::new(Source { path: path.into(), bytes_max, parse: Box::new(parse) });
        let at = Instant::now();
        let (bytes, state) = source.read()?;
        let seen = Seen { content: source.parse(&bytes)?, at, state: Some(state) };
        Ok(Self { source, seen: ArcSwap::from_pointee(seen), looking: Mutex::new(()) })
    }

    /// The content as it was on the disk at most `age_max` before this call. With zero, as it is now.
    pub(super) async fn get(&self, age_max: Duration) -> Content<T> {
        let called = Instant::now();
        let fresh = |seen: &Seen<T>| seen.at + age_max >= called;
        {
            let seen = self.seen.load();
            if fresh(&seen) {
                return seen.content.clone();
            }
        }
        let _looking = self.looking.lock().await;
        let seen = self.seen.load_full();
        if fresh(&seen) {
            return seen.content.clone();
        }
        let source = Arc::clone(&self.source);
        let look = tokio::task::spawn_blocking(move || source.look(&seen)).await;
        match look {
            Ok(seen) => {
                let content = seen.content.clone();
                self.seen.store(Arc::new(seen));
                content
            }
            // Only when the runtime is shutting down, or when `parse` has a bug.
            Err(error) => Content { problem: Some(error.to_string().into()), ..self.seen.load().content.clone() },
        }
    }
}

impl<T> Source<T> {
    fn look(&self, seen: &Seen<T>) -> Seen<T> {
        let at = Instant::now();
        match self.changes(seen) {
            Ok((content, state)) => Seen { content, at, state: Some(state) },
            Err(problem) => {
                if seen.content.problem.as_deref() != Some(problem.as_str()) {
                    tracing::error!("{problem}");
                }
                let content = Content { problem: Some(problem.into()), ..seen.content.clone() };
                Seen { content, at, state: None }
            }
        }
    }

    fn changes(&self, seen: &Seen<T>) -> Result<(Content<T>, State), String> {
        if let Some(state) = seen.state
            && state.settled
            && state.stamp == Stamp::of(&self.metadata()?)
        {
            return Ok((seen.content.clone(), state));
        }
        let (bytes, state) = self.read()?;
        if seen.content.digest == digest(&bytes) {
            return Ok((Content { problem: None, ..seen.content.clone() }, state));
        }
        Ok((self.parse(&bytes)?, state))
    }

    fn parse(&self, bytes: &[u8]) -> Result<Content<T>, String> {
        let value = Arc::new((self.parse)(bytes)?);
        Ok(Content { value, problem: None, digest: digest(bytes) })
    }

    fn metadata(&self) -> Result<Metadata, String> {
        let metadata = std::fs::metadata(&self.path).map_err(|error| self.problem(&error))?;
        // Opening a pipe would wait for its other end.
        if metadata.is_file() { Ok(metadata) } else { Err(self.problem(&"it is not a regular file")) }
    }

    fn read(&self) -> Result<(Vec<u8>, State), String> {
        self.metadata()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut file = File::open(&self.path).map_err(|error| self.problem(&error))?;
        let stamp = Stamp::of(&file.metadata().map_err(|error| self.problem(&error))?);
        let mut bytes = Vec::new();
        file.by_ref().take(self.bytes_max + 1).read_to_end(&mut bytes).map_err(|error| self.problem(&error))?;
        if bytes.len() as u64 > self.bytes_max {
            return Err(self.problem(&format!("it has more than {} bytes", self.bytes_max)));
        }
        Ok((bytes, State { stamp, settled: stamp.is_settled(now) }))
    }

    fn problem(&self, why: &dyn std::fmt::Display) -> String {
        format!("{} can't be used: {why}", self.path.display())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
            inode: (metadata.dev(), metadata.ino()),
        }
    }

    fn is_settled(&self, now: Duration) -> bool {
        let newest = self.modified.max(self.changed).0;
        u64::try_from(newest).unwrap_or(0).saturating_add(SETTLED_AFTER.as_secs()) < now.as_secs()
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn text(path: &Path) -> Watched<String> {
        let parse = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok("broken") => Err("broken".to_owned()),
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Watched::open(path, 20, parse).ok().unwrap()
    }

    async fn now(file: &Watched<String>) -> String {
        let content = file.get(Duration::ZERO).await;
        assert_eq!(content.problem, None);
        content.value.as_ref().clone()
    }

    #[tokio::test]
    async fn writes_in_place_and_renames_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "one").unwrap();
        let file = text(&path);
        assert_eq!(now(&file).await, "one");
        // The same size, and most likely the same tick of the clock.
        for content in ["two", "six", "ten"] {
            fs::write(&path, content).unwrap();
            assert_eq!(now(&file).await, content);
        }
        fs::write(dir.path().join("new"), "new").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(now(&file).await, "new");
    }

    #[tokio::test]
    async fn an_old_file_put_in_place_of_another_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        for (name, content) in [("file", "one"), ("new", "two")] {
            fs::write(dir.path().join(name), content).unwrap();
            File::options().write(true).open(dir.path().join(name)).unwrap().set_modified(long_ago).unwrap();
        }
        let file = text(&path);
        assert_eq!(now(&file).await, "one");
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert_eq!(now(&file).await, "two");
    }

    #[tokio::test]
    async fn a_problem_is_told_with_the_last_good_content_until_it_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "good").unwrap();
        let file = text(&path);
        for (content, word) in [("broken", "broken"), ("more than twenty bytes", "more than 20 bytes")] {
            fs::write(&path, content).unwrap();
            let seen = file.get(Duration::ZERO).await;
            assert_eq!(*seen.value, "good");
            assert!(seen.problem.unwrap().contains(word));
        }
        fs::remove_file(&path).unwrap();
        assert!(file.get(Duration::ZERO).await.problem.is_some());
        fs::create_dir(&path).unwrap();
        assert!(file.get(Duration::ZERO).await.problem.unwrap().contains("regular file"));
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "good").unwrap();
        assert_eq!(now(&file).await, "good");
    }

    #[tokio::test]
    async fn within_the_age_allowed_the_file_is_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "one").unwrap();
        let file = text(&path);
        fs::write(&path, "two").unwrap();
        assert_eq!(*file.get(Duration::from_secs(3600)).await.value, "one");
        assert_eq!(now(&file).await, "two");
    }
}
