//! Swapping a plugin when the file of its component changes.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::host::Host;
use super::slot::Managed;

/// A file that has just changed may still be being written: it is taken when it has not changed for so long.
const SETTLE: Duration = Duration::from_millis(300);

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    async fn of(path: &Path) -> Option<Self> {
        let metadata: Metadata = tokio::fs::metadata(path).await.ok()?;
        Some(Self { modified: metadata.modified().ok()?, bytes: metadata.len(), inode: metadata.ino() })
    }

    /// The stamp of a file that is at rest; `None` when it is not, or is gone.
    async fn settled(path: &Path) -> Option<Self> {
        let first = Self::of(path).await?;
        tokio::time::sleep(SETTLE).await;
        Self::of(path).await.filter(|second| first == *second)
    }
}

/// Looks at the files of all plugins every `period`, for ever. A file that has changed is loaded once: if it can't be put into
/// service, the log says why, and the next change is the next try.
pub async fn watch(host: Arc<Host>, period: Duration) {
    let mut seen = HashMap::new();
    loop {
        for slot in host.slots() {
            look(&*slot, &mut seen).await;
        }
        tokio::time::sleep(period).await;
    }
}

async fn look(slot: &dyn Managed, seen: &mut HashMap<String, Stamp>) {
    let Some(path) = slot.configured().file() else { return };
    let Some(now) = Stamp::of(path).await else { return };
    let Some(before) = seen.get(slot.name()) else {
        // Changed since it was loaded at the start?
        let is_newer = now.modified > slot.status().await.loaded_at;
        seen.insert(slot.name().to_owned(), now);
        if is_newer {
            swap(slot, path).await;
        }
        return;
    };
    if *before == now {
        return;
    }
    // Not at rest: the next look finds it changed again.
    let Some(settled) = Stamp::settled(path).await else { return };
    seen.insert(slot.name().to_owned(), settled);
    swap(slot, path).await;
}

async fn swap(slot: &dyn Managed, path: &Path) {
    tracing::info!(plugin = slot.name(), "plugin: the file {} has changed", path.display());
    // What goes wrong stands in the log already.
    let _ = slot.swap(None).await;
}

/// Loads the configured component of every plugin once more, as after SIGHUP. What goes wrong stands in the log.
pub async fn reload(host: &Host) {
    for slot in host.slots() {
        let _ = slot.swap(None).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stamp_changes_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wasm");
        assert_eq!(Stamp::of(&path).await, None);
        std::fs::write(&path, "a").unwrap();
        let first = Stamp::of(&path).await.unwrap();
        assert_eq!(Stamp::settled(&path).await, Some(first));
        let other = directory.path().join("b.wasm");
        std::fs::write(&other, "b").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(Stamp::of(&path).await.unwrap(), first, "another file of the same length");
    }
}
