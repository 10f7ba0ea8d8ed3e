//! Durability for many at once.
//!
//! Whoever wants a change to be durable hands in a [`Transaction`]: files written but not yet synchronised, and the steps
//! (renames, mostly) that make them visible. One thread at a time leads. It takes all that wait, makes their files durable
//! together with the directories of those that it applied in the round before, answers the latter, applies the former, and
//! so on until nobody waits. A transaction takes two rounds, and however many there are share each.
//!
//! While few wait, each does its two rounds by itself instead, beside the others: the journal of the file system puts what
//! asks at the same moment into one commit anyway, and nobody waits for a round that began without him.
//!
//! A round is one `syncfs`, or an `fsync` of each file and directory, whichever has lately been cheaper: `syncfs` costs one
//! journal commit for all, but waits for what other programs have left unwritten on the same file system, too.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::io::Errno;
use tokio::sync::oneshot;

use super::disk::Disk;
use super::transaction::{Placed, Transaction};
use super::unsynced::EVERYTHING;
use crate::storage::{Result, StorageError, StorageKey};

pub(super) type Done = oneshot::Sender<Result<()>>;

/// Collects those who wait.
pub(super) struct Syncer {
    disk: Arc<Disk>,
    state: Mutex<State>,
    costs: Mutex<Costs>,
    /// Transactions that are made durable by themselves.
    alone: AtomicUsize,
}

/// So many transactions at a time are made durable by themselves: four times as many small pushes by 16 clients as in
/// shared rounds.
const ALONE_MAX: usize = 16;

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
    placed: Placed,
    key: StorageKey,
    done: Done,
}

impl Syncer {
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self { disk, state: Mutex::default(), costs: Mutex::default(), alone: AtomicUsize::new(0) }
    }

    /// Hands in a transaction; `done` hears when it is applied and durable. Call this where blocking is allowed: the calling
    /// thread does the work, and leads if no other does.
    pub(super) fn submit(&self, transaction: Transaction, done: Done) {
        match Alone::begin(&self.alone) {
            Some(_alone) => drop(done.send(self.complete(transaction))),
            None => self.share(transaction, done),
        }
    }

    /// Makes a transaction durable and visible without anybody else.
    fn complete(&self, mut transaction: Transaction) -> Result<()> {
        let key = transaction.key.clone();
        let files = std::mem::take(&mut transaction.files);
        self.round(&files, &HashSet::new()).map_err(|errno| failed(errno, &key))?;
        drop(files);
        let placed = transaction.apply(&self.disk)?;
        self.round(&[], &placed.directories().collect()).map_err(|errno| failed(errno, &key))?;
        self.disk.unsynced.settle(&placed.noted);
        Ok(())
    }

    fn share(&self, transaction: Transaction, done: Done) {
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

/// One of those that go by themselves.
struct Alone<'a>(&'a AtomicUsize);

impl<'a> Alone<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let more = |now: usize| (now < ALONE_MAX).then(|| now + 1);
        // Made only where it was counted: dropping it counts down.
        count.fetch_update(Relaxed, Relaxed, more).is_ok().then(|| Self(count))
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
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
            let directories = applied.iter().flat_map(|job| job.placed.directories()).collect();
            let outcome = self.0.round(&files, &directories);
            for Applied { placed, key, done } in applied.drain(..) {
                if outcome.is_ok() {
                    self.0.disk.unsynced.settle(&placed.noted);
                }
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
            Ok(placed) => Some(Applied { placed, key, done: job.done }),
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

    /// Each one too many was counted down again without having been counted up, until nobody went alone any more.
    #[test]
    fn those_who_may_not_go_alone_are_not_counted() {
        let count = AtomicUsize::new(0);
        let alone: Vec<_> = (0..ALONE_MAX).filter_map(|_| Alone::begin(&count)).collect();
        for _ in 0..3 * ALONE_MAX {
            assert!(Alone::begin(&count).is_none());
        }
        drop(alone);
        assert_eq!(count.load(Relaxed), 0);
        assert!(Alone::begin(&count).is_some());
    }
}
