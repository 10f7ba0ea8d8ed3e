//! Durability for many at once.
//!
//! Whoever wants a change to be durable hands in a [`Transaction`]: files written but not yet synchronised, and the steps
//! (renames, mostly) that make them visible. One thread at a time leads. It takes all that wait, makes their files durable
//! together with the directories of those that it applied in the round before, answers the latter, applies the former, and
//! so on until nobody waits. A transaction takes two rounds, and however many there are share each.
//!
//! A round is one `syncfs`, or an `fsync` of each file and directory, whichever has lately been cheaper: `syncfs` costs one
//! journal commit for all, but waits for what other programs have left unwritten on the same file system, too.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::io::Errno;
use tokio::sync::oneshot;

use super::commit::Transaction;
use super::disk::Disk;
use super::place::parent;
use crate::storage::{Result, StorageError, StorageKey};

/// Directories that were made and whose own names are not known to be durable. They are made so when something durable is
/// placed beneath them: what is volatile asks for nothing, and most of it is gone before anybody does.
#[derive(Default)]
pub(super) struct Unsynced(Mutex<HashSet<String>>);

/// Beyond so many directories, all are noted instead of them: a round that large is a `syncfs` anyway.
const UNSYNCED_MAX: usize = 10_000;

impl Unsynced {
    /// Notes a new directory.
    pub(super) fn add(&self, path: &str) {
        let mut paths = self.lock();
        if paths.len() < UNSYNCED_MAX {
            paths.insert(path.to_owned());
        } else {
            paths.clear();
            paths.insert(EVERYTHING.to_owned());
        }
    }

    /// Forgets a directory that has been removed.
    pub(super) fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    /// Takes the directories above `path` that are noted. Returns those that hold their names.
    pub(super) fn take_above(&self, path: &str) -> Vec<String> {
        let mut paths = self.lock();
        let mut above = Vec::new();
        let mut directory = parent(path);
        while !directory.is_empty() && !paths.is_empty() {
            if paths.remove(directory) {
                above.push(parent(directory).to_owned());
            }
            directory = parent(directory);
        }
        if paths.remove(EVERYTHING) {
            above.push(EVERYTHING.to_owned());
        }
        above
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In place of a path: more than can be named. No path ends with a slash.
const EVERYTHING: &str = "/";

pub(super) type Done = oneshot::Sender<Result<()>>;

/// Collects those who wait.
pub(super) struct Syncer {
    disk: Arc<Disk>,
    state: Mutex<State>,
    costs: Mutex<Costs>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Job>,
    led: bool,
}

struct Job {
    transaction: Transaction,
    done: Done,
}

/// Applied, visible, not yet durable.
struct Applied {
    directories: Vec<String>,
    key: StorageKey,
    done: Done,
}

impl Syncer {
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self { disk, state: Mutex::default(), costs: Mutex::default() }
    }

    /// Hands in a transaction; `done` hears when it is applied and durable. Call this where blocking is allowed: the calling
    /// thread leads if no other does.
    pub(super) fn submit(&self, transaction: Transaction, done: Done) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push(Job { transaction, done });
        if std::mem::replace(&mut state.led, true) {
            return;
        }
        drop(state);
        let leader = Leader(self);
        leader.run();
    }

    fn next_batch(&self, more_to_do: bool) -> Option<Vec<Job>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_empty() && !more_to_do {
            state.led = false;
            return None;
        }
        Some(std::mem::take(&mut state.waiting))
    }

    /// Makes files and directories durable.
    fn round(&self, files: &[Arc<OwnedFd>], directories: &HashSet<String>) -> rustix::io::Result<()> {
        let count = files.len() + directories.len();
        if count == 0 {
            return Ok(());
        }
        let everything = directories.contains(EVERYTHING);
        let whole = everything || self.costs.lock().unwrap_or_else(PoisonError::into_inner).whole_is_cheaper(count);
        let start = Instant::now();
        if whole {
            rustix::fs::syncfs(self.disk.dir())?;
        } else {
            // All are on their way before the first is waited for: then they get their blocks in one transaction of the
            // file system's journal, and not in one each. Where this can't be asked for, nothing is lost but that.
            for file in files {
                let _ = begin_writing(file);
            }
            files.iter().try_for_each(rustix::fs::fdatasync)?;
            directories.iter().try_for_each(|path| self.disk.sync_directory(path))?;
        }
        self.costs.lock().unwrap_or_else(PoisonError::into_inner).learn(whole, count, start);
        Ok(())
    }
}

/// Asks the disk to begin, without waiting for it: what this advice does to pages that are not written yet.
fn begin_writing(file: &OwnedFd) -> rustix::io::Result<()> {
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)
}

/// The thread that leads. When it goes, by a panic even, another one can.
struct Leader<'a>(&'a Syncer);

impl Leader<'_> {
    fn run(&self) {
        let mut applied = Vec::new();
        while let Some(batch) = self.0.next_batch(!applied.is_empty()) {
            let (staged, ready): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|job| !job.transaction.files.is_empty());
            applied.extend(ready.into_iter().filter_map(|job| self.apply(job)));
            let files: Vec<_> = staged.iter().flat_map(|job| job.transaction.files.iter().cloned()).collect();
            let directories = applied.iter().flat_map(|job| job.directories.iter().cloned()).collect();
            let outcome = self.0.round(&files, &directories);
            for Applied { key, done, .. } in applied.drain(..) {
                let _ = done.send(outcome.map_err(|errno| failed(errno, &key)));
            }
            for job in staged {
                match outcome {
                    Ok(()) => applied.extend(self.apply(job)),
                    Err(errno) => {
                        let error = failed(errno, &job.transaction.key);
                        let _ = job.done.send(Err(error));
                    }
                }
            }
        }
    }

    fn apply(&self, job: Job) -> Option<Applied> {
        let key = job.transaction.key.clone();
        match job.transaction.apply(&self.0.disk) {
            Ok(directories) => Some(Applied { directories, key, done: job.done }),
            Err(error) => {
                let _ = job.done.send(Err(error));
                None
            }
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            // Those who wait hear of it by their channel being closed.
            state.waiting.clear();
            state.led = false;
        }
    }
}

fn failed(errno: Errno, key: &StorageKey) -> StorageError {
    StorageError::from_io(errno.into(), "sync", key)
}

/// What the two ways have cost lately, in seconds.
struct Costs {
    each: f64,
    whole: f64,
    /// When the dearer one was last looked at: what it cost is forgotten with time, so that it is tried again.
    since: Instant,
}

/// After so many seconds, half of what the way not taken had cost is forgotten.
const HALF_LIFE_SECONDS: f64 = 4.0;

/// `syncfs` may take so much longer than the others together: it takes far less of the CPU.
const WHOLE_BONUS: f64 = 2.0;

impl Default for Costs {
    fn default() -> Self {
        Self { each: 0.000_3, whole: 0.000_8, since: Instant::now() }
    }
}

impl Costs {
    fn whole_is_cheaper(&self, count: usize) -> bool {
        self.whole < self.each * count as f64 * WHOLE_BONUS
    }

    fn learn(&mut self, whole: bool, count: usize, start: Instant) {
        let cost = start.elapsed().as_secs_f64();
        let forget = 0.5_f64.powf(self.since.elapsed().as_secs_f64() / HALF_LIFE_SECONDS);
        self.since = Instant::now();
        if whole {
            self.whole = self.whole * 0.7 + cost * 0.3;
            self.each *= forget;
        } else {
            self.each = self.each * 0.7 + cost / count as f64 * 0.3;
            self.whole *= forget;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_is_synchronised_for_the_first_durable_name_beneath_it() {
        let unsynced = Unsynced::default();
        for made in ["a", "a/b", "a/b/volatile", "a/c"] {
            unsynced.add(made);
        }
        unsynced.remove("a/b/volatile");
        assert_eq!(unsynced.take_above("a/b/object"), ["a", ""]);
        assert_eq!(unsynced.take_above("a/b/other"), Vec::<String>::new());
        assert_eq!(unsynced.take_above("a/c/d/object"), ["a"]);
    }

    #[test]
    fn more_than_can_be_noted_is_noted_as_everything() {
        let unsynced = Unsynced::default();
        for made in 0..=UNSYNCED_MAX {
            unsynced.add(&format!("a/{made}"));
        }
        assert_eq!(unsynced.take_above("b/object"), [EVERYTHING]);
        assert_eq!(unsynced.take_above("b/object"), Vec::<String>::new());
    }
}
