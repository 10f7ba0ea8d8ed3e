//! Small writes and whole commits: everything is staged first, then applied and made durable by the [`Syncer`].

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::disk::Disk;
use super::sync::{Done, Syncer};
use super::temp::check_writable;
use super::transaction::{SHARED_SYNC_BYTES_MAX, Transaction, stage};
use super::tree::append_file;
use crate::storage::file::writing;
use crate::storage::{Change, ErrorKind, Result, StorageError, StorageKey, WriteOptions};

/// [`crate::storage::Storage::put`], whole.
pub(super) async fn put(
    disk: &Arc<Disk>,
    syncer: &Arc<Syncer>,
    key: &StorageKey,
    pieces: Vec<Bytes>,
    options: WriteOptions,
) -> Result<()> {
    let (disk, target) = (Arc::clone(disk), key.clone());
    transact(syncer, key, move || {
        let temp = stage(&disk, &target, &pieces)?;
        if options.volatile {
            disk.place(temp, target.as_str(), options.if_absent).map_err(|errno| writing(errno, "put", &target))?;
            return Ok(None);
        }
        let mut transaction = Transaction::new(target.clone());
        transaction.place(temp, false, target, options.if_absent);
        Ok(Some(transaction))
    })
    .await
}

/// [`crate::storage::Storage::commit`].
pub(super) async fn commit(disk: &Arc<Disk>, syncer: &Arc<Syncer>, changes: Vec<Change>) -> Result<()> {
    let Some(key) = changes.iter().find_map(named_by).cloned() else { return Ok(()) };
    let (disk, first) = (Arc::clone(disk), key.clone());
    transact(syncer, &key, move || {
        let mut transaction = Transaction::new(first);
        changes.into_iter().try_for_each(|change| transaction.add(&disk, change))?;
        Ok(Some(transaction))
    })
    .await
}

fn named_by(change: &Change) -> Option<&StorageKey> {
    match change {
        Change::Put { key, .. } | Change::Assemble { key, .. } => Some(key),
        Change::Delete { keys } => keys.first(),
    }
}

/// [`crate::storage::Storage::copy`].
pub(super) async fn copy(disk: &Arc<Disk>, syncer: &Arc<Syncer>, from: &StorageKey, to: &StorageKey) -> Result<()> {
    let (disk, from, target) = (Arc::clone(disk), from.clone(), to.clone());
    transact(syncer, to, move || {
        let (file, _) = disk.open_object("copy", &from)?;
        check_writable("copy", &target)?;
        let fail = |errno| writing(errno, "copy", &target);
        let temp = disk.temps.create().map_err(fail)?;
        let synced = append_file(&file, &temp.file).map_err(fail)? > SHARED_SYNC_BYTES_MAX;
        if synced {
            rustix::fs::fdatasync(&temp.file).map_err(fail)?;
        }
        let mut transaction = Transaction::new(target.clone());
        transaction.place(temp, synced, target, false);
        Ok(Some(transaction))
    })
    .await
}

/// Stages on a blocking thread, and waits until what was staged is applied and durable; `None` is so already.
pub(super) async fn transact(
    syncer: &Arc<Syncer>,
    key: &StorageKey,
    stage: impl FnOnce() -> Result<Option<Transaction>> + Send + 'static,
) -> Result<()> {
    let (done, outcome) = oneshot::channel();
    let syncer = Arc::clone(syncer);
    tokio::task::spawn_blocking(move || run(&syncer, stage, done));
    match outcome.await {
        Ok(result) => result,
        Err(_) => {
            Err(StorageError::new(ErrorKind::Other, "commit", key).with_source("the thread that wrote it has died"))
        }
    }
}

fn run(syncer: &Syncer, stage: impl FnOnce() -> Result<Option<Transaction>>, done: Done) {
    match stage() {
        Ok(Some(transaction)) => syncer.submit(transaction, done),
        Ok(None) => drop(done.send(Ok(()))),
        Err(error) => drop(done.send(Err(error))),
    }
}
