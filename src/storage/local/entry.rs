//! Where a file lies, and what the system says of it.

use std::time::{Duration, SystemTime};

use crate::storage::ObjectMeta;

/// The directory of a path relative to the root; empty for the root itself.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Its size, and when it was last written.
pub(super) fn meta_of(stat: &rustix::fs::Stat) -> ObjectMeta {
    let since = Duration::new(stat.st_mtime.try_into().unwrap_or(0), stat.st_mtime_nsec.try_into().unwrap_or(0));
    ObjectMeta { size: stat.st_size.try_into().unwrap_or(0), modified: SystemTime::UNIX_EPOCH.checked_add(since) }
}
