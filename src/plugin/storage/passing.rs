//! Bytes that pass a component by: streams that it hands over (`wharf:storage/streams`), and the files behind them.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use wasmtime::component::Resource;
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::{DynOutputStream, StreamError};

use super::errors::Call;
use super::session::Session;
use super::stream::Stream;
use super::transfer::{Transfer, step};
use crate::storage::{ErrorKind, FileSlice, Result, StorageError};

impl Session {
    /// A stream, for one call of the host's, and how long that may take; none after a call that failed.
    fn stream<T: 'static>(&mut self, stream: &Resource<T>) -> Option<(Duration, &mut T)> {
        let time = self.call_time_max();
        let sandbox = self.sandbox()?;
        sandbox.begin_call();
        Some((time, sandbox.ctx().table.get_mut(stream).ok()?))
    }

    /// The file behind the stream of this index, and where it begins.
    fn file(&mut self, index: u32, call: &Call) -> Result<Option<(OwnedFd, u64)>> {
        let found = self.sandbox().map_or(Ok(None), |sandbox| sandbox.files().file(index));
        found.map_err(|error| StorageError::from_io(error, call.operation, &call.key))
    }
}

/// Asks the component for a stream of its resource; none from one that hands none over.
macro_rules! ask_for {
    ($transfer:expr, $method:ident) => {
        step!($transfer, |store, exports, resource| async {
            match &exports.streams {
                Some(streams) => streams.wharf_storage_streams().$method(store, resource).await.map(Ok),
                None => Ok(Ok(None)),
            }
        })
    };
}

impl Transfer {
    /// Asks the component for the stream of its reader. If that is a file, the transfer is over, and the next `length`
    /// bytes of the file are the answer.
    pub(super) async fn input(&mut self, length: u64) -> Result<Option<FileSlice>> {
        let Some(stream) = ask_for!(self, call_input)? else { return Ok(None) };
        let Some((file, start)) = self.keep(stream.rep(), Stream::In(stream))? else { return Ok(None) };
        let range = start..start.saturating_add(length);
        if let Some(there) = shorter(&file, &range, &self.call)? {
            let what = format!("the file of a reader ends after {there} of {length} bytes");
            self.break_off().await;
            return Err(self.call.broken(what));
        }
        self.end().await;
        Ok(Some(FileSlice::new(Arc::new(file), self.call.key.clone(), range)))
    }

    /// Asks the component for the stream of its writer; true if there is one, and with the file behind it if it is one.
    pub(super) async fn output(&mut self) -> Result<(bool, Option<(OwnedFd, u64)>)> {
        let Some(stream) = ask_for!(self, call_output)? else { return Ok((false, None)) };
        Ok((true, self.keep(stream.rep(), Stream::Out(stream))?))
    }

    /// Keeps the stream that was handed over, and finds the file behind it.
    fn keep(&mut self, index: u32, stream: Stream) -> Result<Option<(OwnedFd, u64)>> {
        self.stream = Some(stream);
        match &mut self.open {
            Some((session, _)) => session.file(index, &self.call),
            None => Err(self.call.over()),
        }
    }

    /// The next bytes of the stream that was handed over, at most `bytes_max`; none at its end.
    pub(super) async fn take(&mut self, bytes_max: usize) -> Result<Bytes> {
        let Some(Stream::In(stream)) = &self.stream else { return Err(self.call.over()) };
        let found = self.open.as_mut().and_then(|(session, _)| session.stream(stream));
        let (time, stream) = found.ok_or_else(|| self.call.over())?;
        let taken = timeout(time, stream.blocking_read(bytes_max)).await;
        match taken {
            Ok(Err(StreamError::Closed)) => Ok(Bytes::new()),
            taken => self.passed(time, taken).await,
        }
    }

    /// Writes all of `bytes` to the stream that was handed over.
    pub(super) async fn give(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            self.when_ready(|stream, room| stream.write(bytes.split_to(room.min(bytes.len())))).await?;
        }
        Ok(())
    }

    /// Waits until everything was written that was given, and drops the stream.
    pub(super) async fn flush(&mut self) -> Result<()> {
        self.when_ready(|stream, _| stream.flush()).await?;
        self.when_ready(|_, _| Ok(())).await?;
        self.drop_stream().await;
        Ok(())
    }

    /// Drops the stream, if there is one.
    pub(super) async fn drop_stream(&mut self) {
        if let (Some(stream), Some((session, _))) = (self.stream.take(), &mut self.open) {
            session.drop_stream(stream).await;
        }
    }

    /// Waits until the stream takes bytes, and works with it.
    async fn when_ready(
        &mut self,
        work: impl FnOnce(&mut DynOutputStream, usize) -> std::result::Result<(), StreamError>,
    ) -> Result<()> {
        let Some(Stream::Out(stream)) = &self.stream else { return Err(self.call.over()) };
        let found = self.open.as_mut().and_then(|(session, _)| session.stream(stream));
        let (time, stream) = found.ok_or_else(|| self.call.over())?;
        let ready = timeout(time, stream.write_ready()).await;
        let done = ready.map(|ready| ready.and_then(|room| work(stream, room)));
        self.passed(time, done).await
    }

    /// What came of working with the stream. After an error the transfer is over.
    async fn passed<T>(
        &mut self,
        time: Duration,
        done: std::result::Result<std::result::Result<T, StreamError>, tokio::time::error::Elapsed>,
    ) -> Result<T> {
        let error = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(StreamError::Closed)) => {
                self.call.error(ErrorKind::Other, "the stream that it handed over was closed at the other end")
            }
            Ok(Err(StreamError::LastOperationFailed(error) | StreamError::Trap(error))) => failed(&self.call, &error),
            Err(_) => {
                let sentence =
                    format!("the stream that it handed over stood still for limits.call_time_max ({time:?})");
                self.call.error(ErrorKind::Unavailable { retry_after: None }, sentence)
            }
        };
        self.break_off().await;
        Err(error)
    }
}

/// Why a stream of the host's failed: what the system says tells what it means.
fn failed(call: &Call, error: &wasmtime::Error) -> StorageError {
    let sentence = format_args!("the stream that it handed over failed: {error:#}");
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) => {
            call.error(ErrorKind::NoSpace, sentence)
        }
        _ => call.error(ErrorKind::Other, sentence),
    }
}

/// How many bytes of `range` the file has, if it has not all of them.
fn shorter(file: &OwnedFd, range: &Range<u64>, call: &Call) -> Result<Option<u64>> {
    let stat = rustix::fs::fstat(file);
    let stat = stat.map_err(|errno| StorageError::from_io(errno.into(), call.operation, &call.key))?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    Ok((size < range.end).then(|| size.saturating_sub(range.start)))
}
