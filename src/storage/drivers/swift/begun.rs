//! Segments that a crash has left: of objects whose list was never written. No request of Swift's finds them; they lie
//! where OpenDAL puts segments (`.segments/<key><write>/<number>`, where the write is a UUID), and no object that is
//! there lists them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use ::opendal::{Error, ErrorKind, Result};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;

use super::api::{Api, Kind};
use crate::storage::opendal::{BegunWrite, BegunWrites, BegunWritesPage};
use crate::storage::{ErrorKind as StorageErrorKind, StorageError, StorageKey};

/// How many names are listed at a time. No write has more segments.
const LISTED_MAX: usize = super::SEGMENTS_MAX + 1;
/// How many objects are looked at at a time.
const LOOKS_AT_ONCE: usize = 8;

/// How long a UUID is, with its hyphens.
const UUID_BYTES: usize = 36;

/// The writes of one container.
pub(super) struct SwiftWrites {
    api: Arc<Api>,
    /// What stands before every key in a segment's name; ends with a slash.
    before: String,
}

/// An entry of a listing.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    last_modified: String,
}

/// A segment of an object.
#[derive(Debug, Deserialize)]
struct Segment {
    /// `/container/name`.
    path: String,
}

impl SwiftWrites {
    pub(super) fn new(api: Arc<Api>, root: &str) -> Self {
        let before = if root.is_empty() { ".segments/".to_owned() } else { format!(".segments/{root}/") };
        Self { api, before }
    }

    /// Writes beneath a prefix behind `after`, whether or not an object lists them; the time is that of the newest segment, as a
    /// write that still goes on is not old.
    async fn written(&self, prefix: &str, after: Option<&BegunWrite>) -> Result<(Vec<BegunWrite>, bool)> {
        let marker = after.map(|write| format!("{}:", self.directory(write))).unwrap_or_default();
        let listed = self.listed(&format!("{}{prefix}", self.before), &marker).await?;
        Ok(grouped(&listed, &self.before, LISTED_MAX))
    }

    /// The segments whose names begin with `prefix`, behind `marker`.
    async fn listed(&self, prefix: &str, marker: &str) -> Result<Vec<Listed>> {
        let body = self.api.list(prefix, marker, LISTED_MAX).await.map_err(failed)?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::new(ErrorKind::Unexpected, format!("the list of segments can't be read: {error}")))
    }

    /// Where its segments are, with a slash at the end.
    fn directory(&self, write: &BegunWrite) -> String {
        format!("{}{}{}/", self.before, write.path, write.id)
    }

    /// Whether an object lists these segments.
    async fn is_listed(&self, write: &BegunWrite) -> Result<bool> {
        let Ok(key) = StorageKey::parse(&write.path) else { return Ok(true) };
        if self.api.kind(&key).await.map_err(failed)? != Kind::Static {
            return Ok(false);
        }
        let list = self.api.segments(&key).await.map_err(failed)?;
        if list.is_empty() {
            return Ok(false);
        }
        let list: Vec<Segment> = serde_json::from_slice(&list).map_err(|error| {
            Error::new(ErrorKind::Unexpected, format!("what {key} is made of can't be read: {error}"))
        })?;
        let directory = self.directory(write);
        Ok(list.iter().any(|segment| segment.path.contains(&directory)))
    }

    async fn unless_listed(&self, write: BegunWrite) -> Result<Option<BegunWrite>> {
        Ok(if self.is_listed(&write).await? { None } else { Some(write) })
    }
}

#[async_trait]
impl BegunWrites for SwiftWrites {
    async fn page(&self, prefix: &str, after: Option<&BegunWrite>) -> Result<BegunWritesPage> {
        let mut after = after.cloned();
        loop {
            let (written, more) = self.written(prefix, after.as_ref()).await?;
            after = written.last().cloned();
            let looks = stream::iter(written).map(|write| self.unless_listed(write)).buffered(LOOKS_AT_ONCE);
            let writes: Vec<BegunWrite> = looks.try_filter_map(|write| async move { Ok(write) }).try_collect().await?;
            if !writes.is_empty() || !more {
                return Ok(BegunWritesPage { writes, more });
            }
        }
    }

    async fn abort(&self, write: &BegunWrite) -> Result<()> {
        // Its list may have been written since.
        if self.is_listed(write).await? {
            return Err(Error::new(ErrorKind::ConditionNotMatch, "the write was finished meanwhile"));
        }
        let directory = self.directory(write);
        let listed = self.listed(&directory, "").await?;
        let key = StorageKey::trusted(write.path.clone());
        for entry in listed.iter().filter(|entry| entry.name.starts_with(&directory)) {
            self.api.delete(&entry.name, &key).await.map_err(failed)?;
        }
        Ok(())
    }
}

/// The key and the write that a segment belongs to. What has another name was not written by OpenDAL.
fn write_of(name: &str) -> Option<(&str, &str)> {
    let (directory, _) = name.rsplit_once('/')?;
    let (path, id) = directory.split_at_checked(directory.len().checked_sub(UUID_BYTES)?)?;
    uuid::Uuid::try_parse(id).is_ok().then_some((path, id)).filter(|(path, _)| !path.is_empty() && !path.ends_with('/'))
}

/// Segments by the write that they belong to, in the order of their names, and whether there are more behind a full
/// page. What may go on behind its end is left to the next one.
fn grouped(listed: &[Listed], before: &str, full: usize) -> (Vec<BegunWrite>, bool) {
    let mut writes: BTreeMap<(String, String), Option<SystemTime>> = BTreeMap::new();
    let mut order: Vec<(String, String)> = Vec::new();
    for entry in listed {
        let Some((path, id)) = entry.name.strip_prefix(before).and_then(write_of) else { continue };
        let time = format!("{}Z", entry.last_modified.trim_end_matches('Z')).parse::<jiff::Timestamp>();
        let time = time.ok().map(SystemTime::from);
        let name = (path.to_owned(), id.to_owned());
        let newest = writes.entry(name.clone()).or_insert_with(|| {
            order.push(name);
            time
        });
        *newest = (*newest).max(time);
    }
    let more = listed.len() >= full && order.len() > 1;
    if more {
        order.pop();
    }
    let write =
        |name: (String, String)| BegunWrite { began: writes.get(&name).copied().flatten(), path: name.0, id: name.1 };
    (order.into_iter().map(write).collect(), more)
}

/// An error of the requests that are not OpenDAL's, as one of OpenDAL's.
fn failed(error: StorageError) -> Error {
    let kind = match error.kind() {
        StorageErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        StorageErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unexpected,
    };
    let temporary = error.is_retryable();
    Error::new(kind, error.to_string()).with_temporary(temporary).set_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, hour: u32) -> Listed {
        Listed { name: format!(".segments/r/{name}"), last_modified: format!("2026-11-22T{hour:02}:00:00.123456") }
    }

    const ONE: &str = "0b5a9a3c-3a3a-4f6e-9f0e-1f2f3f4f5f6f";
    const TWO: &str = "1b5a9a3c-3a3a-4f6e-9f0e-1f2f3f4f5f6f";

    #[test]
    fn segments_belong_to_writes_and_a_write_is_as_old_as_its_newest_one() {
        let name = |id: &str, number: u32| format!("a/data{id}/{number:08}");
        let listed = [entry(&name(ONE, 0), 1), entry(&name(ONE, 1), 3), entry(&name(TWO, 0), 2)];
        let (writes, more) = grouped(&listed, ".segments/r/", 10);
        assert!(!more);
        let found = writes.iter().map(|write| (&*write.path, &*write.id)).collect::<Vec<_>>();
        assert_eq!(found, [("a/data", ONE), ("a/data", TWO)]);
        assert!(writes[0].began > writes[1].began && writes[1].began.is_some());
        let (writes, more) = grouped(&listed, ".segments/r/", 3);
        assert_eq!((writes.len(), more), (1, true), "the last one may go on behind the page");
    }

    #[test]
    fn what_is_named_otherwise_is_left_alone() {
        let names =
            ["short", "a/data/one/00000000", &format!("a/data/{ONE}/00000000"), &format!("{ONE}/00000000"), "é/1"];
        for name in names {
            assert!(grouped(&[entry(name, 1)], ".segments/r/", 10).0.is_empty(), "{name}");
        }
    }
}
