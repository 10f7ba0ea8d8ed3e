//! New directories whose names are not durable yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entry::parent;

/// Beyond so many directories, all are noted instead of them: a round that large is a `syncfs` anyway.
const UNSYNCED_MAX: usize = 10_000;

/// In place of a path: more than can be named. No path ends with a slash.
pub(super) const EVERYTHING: &str = "/";

/// Directories that were made and whose own names are not known to be durable. They are made so when something durable is
/// placed beneath them: what is volatile asks for nothing, and most of it is gone before anybody does. A note stays until that is
/// done, so that of several who place something there at the same moment nobody relies on what another one has only begun.
#[derive(Default)]
pub(super) struct Unsynced(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    paths: HashMap<String, u64>,
    count: u64,
}

/// A note of a directory. One that was removed and made again has another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Noted {
    path: String,
    number: u64,
}

impl Noted {
    /// The directory that holds its name.
    pub(super) fn holder(&self) -> String {
        if self.path == EVERYTHING { EVERYTHING.to_owned() } else { parent(&self.path).to_owned() }
    }
}

impl Unsynced {
    /// Notes a new directory.
    pub(super) fn add(&self, path: &str) {
        let mut notes = self.lock();
        notes.count += 1;
        let number = notes.count;
        if notes.paths.len() < UNSYNCED_MAX {
            notes.paths.insert(path.to_owned(), number);
        } else {
            notes.paths.clear();
            notes.paths.insert(EVERYTHING.to_owned(), number);
        }
    }

    /// Forgets a directory that has been removed.
    pub(super) fn remove(&self, path: &str) {
        self.lock().paths.remove(path);
    }

    /// The directories above `path` that are noted.
    pub(super) fn above(&self, path: &str) -> Vec<Noted> {
        let notes = self.lock();
        let mut above = Vec::new();
        let mut note = |path: &str| {
            above.extend(notes.paths.get(path).map(|number| Noted { path: path.to_owned(), number: *number }));
        };
        let mut directory = parent(path);
        while !directory.is_empty() && !notes.paths.is_empty() {
            note(directory);
            directory = parent(directory);
        }
        note(EVERYTHING);
        above
    }

    /// Forgets those whose names are durable now.
    pub(super) fn settle(&self, settled: &[Noted]) {
        let mut notes = self.lock();
        for Noted { path, number } in settled {
            if notes.paths.get(path) == Some(number) {
                notes.paths.remove(path);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holders(unsynced: &Unsynced, path: &str) -> Vec<String> {
        unsynced.above(path).iter().map(Noted::holder).collect()
    }

    #[test]
    fn a_new_directory_is_synchronised_by_all_who_need_its_name_until_it_is_durable() {
        let unsynced = Unsynced::default();
        for made in ["a", "a/b", "a/b/volatile", "a/c"] {
            unsynced.add(made);
        }
        unsynced.remove("a/b/volatile");
        assert_eq!(holders(&unsynced, "a/b/object"), ["a", ""]);
        // Another one, while the first is still about it.
        let noted = unsynced.above("a/b/other");
        assert_eq!(holders(&unsynced, "a/b/other"), ["a", ""]);
        unsynced.settle(&noted);
        assert_eq!(holders(&unsynced, "a/b/other"), Vec::<String>::new());
        assert_eq!(holders(&unsynced, "a/c/d/object"), ["a"]);
    }

    #[test]
    fn a_directory_that_is_made_again_is_noted_again() {
        let unsynced = Unsynced::default();
        unsynced.add("a");
        let noted = unsynced.above("a/object");
        unsynced.remove("a");
        unsynced.add("a");
        unsynced.settle(&noted);
        assert_eq!(holders(&unsynced, "a/object"), [""]);
    }

    #[test]
    fn more_than_can_be_noted_is_noted_as_everything() {
        let unsynced = Unsynced::default();
        for made in 0..=UNSYNCED_MAX {
            unsynced.add(&format!("a/{made}"));
        }
        let noted = unsynced.above("b/object");
        assert_eq!(holders(&unsynced, "b/object"), [EVERYTHING]);
        unsynced.settle(&noted);
        assert_eq!(holders(&unsynced, "b/object"), Vec::<String>::new());
    }
}
