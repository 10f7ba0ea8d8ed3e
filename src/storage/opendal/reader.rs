//! Reading: one request where the service answers with the object's size, resumed where it broke off.

use std::collections::VecDeque;
use std::sync::Arc;

use ::opendal::{BufferStream, ErrorKind as Kind, Metadata, options};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::client::{Client, Failure, object_meta};
use crate::storage::{ByteRange, ErrorKind, ObjectMeta, ReadStream, Result, StorageError, StorageKey};

/// How large a piece may be.
const PIECE_BYTES_MAX: usize = 1024 * 1024;
/// No object reaches further, so a range that does is one to the end.
const RANGE_END_MAX: u64 = 1 << 53;
/// How often an object may change between asking for its size and opening it.
const CHANGES_MAX: usize = 20;

/// Opens an object for reading.
pub(super) async fn open(client: &Arc<Client>, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
    let mut reader = Reader::new(client, key, range.start);
    // A service that tells the size with the bytes needs no second request.
    if range.len != Some(0) && !client.quirks.directories {
        // Some stores give the whole object when they can't make sense of the end of a range.
        let end = range.len.map(|len| range.start.saturating_add(len)).filter(|end| *end <= RANGE_END_MAX);
        let mut stream = start(client, key, None, range.start, end).await?;
        match client.call_metadata(&mut stream).await {
            Ok(metadata) => {
                let wanted = range.within(metadata.content_length());
                let wanted = wanted.ok_or_else(|| StorageError::new(ErrorKind::RangeNotSatisfiable, "read", key))?;
                reader.end = wanted.end;
                reader.etag = metadata.etag().map(str::to_owned);
                reader.stream = Some(stream);
                return Ok(reader.into_stream(object_meta(&metadata)));
            }
            // A range at the very end is one of no bytes, whatever the service says.
            Err(Failure::Said(error)) if matches!(error.kind(), Kind::Unsupported | Kind::RangeNotSatisfied) => {}
            Err(failure) if failure.may_pass() => {}
            Err(failure) => return Err(client.fail(failure, "read", key)),
        }
    }
    for _ in 0..CHANGES_MAX {
        let meta = client.stat("read", key).await?;
        let wanted =
            range.within(meta.size).ok_or_else(|| StorageError::new(ErrorKind::RangeNotSatisfiable, "read", key))?;
        reader.end = wanted.end;
        if wanted.is_empty() {
            return Ok(reader.into_stream(meta));
        }
        let mut stream = start(client, key, None, wanted.start, Some(wanted.end)).await?;
        // The first piece is read before the size is asked again: then it is the opened object that had this size.
        let first = client.call("read", key, async { stream.next().await.transpose() }).await?;
        if client.stat("read", key).await? == meta {
            reader.stream = Some(stream);
            reader.ready.extend(first.into_iter().flatten());
            return Ok(reader.into_stream(meta));
        }
    }
    Err(StorageError::new(ErrorKind::Conflict, "read", key).with_source("it is replaced faster than it can be read"))
}

/// A stream of a range, of the object that has this tag.
async fn start(
    client: &Client,
    key: &StorageKey,
    etag: Option<String>,
    from: u64,
    to: Option<u64>,
) -> Result<BufferStream> {
    let can = client.operator.info().capability();
    let options = options::ReaderOptions { if_match: etag.filter(|_| can.read_with_if_match), ..Default::default() };
    let fail = |error| client.fail(Failure::Said(error), "read", key);
    let reader = client.operator.reader_options(client.path("read", key)?, options).await.map_err(fail)?;
    match to {
        Some(to) => reader.into_stream(from..to).await,
        None => reader.into_stream(from..).await,
    }
    .map_err(fail)
}

impl Client {
    async fn call_metadata(&self, stream: &mut BufferStream) -> std::result::Result<Metadata, Failure> {
        match tokio::time::timeout(self.options.call_time_max, stream.metadata()).await {
            Ok(outcome) => outcome.map_err(Failure::Said),
            Err(_) => Err(Failure::TimedOut(self.options.call_time_max)),
        }
    }
}

struct Reader {
    client: Arc<Client>,
    key: StorageKey,
    /// Of the object that was opened, so that a resumed stream goes on in the same one.
    etag: Option<String>,
    at: u64,
    end: u64,
    stream: Option<BufferStream>,
    ready: VecDeque<Bytes>,
    failures: usize,
}

impl Reader {
    fn new(client: &Arc<Client>, key: &StorageKey, at: u64) -> Self {
        let (client, key) = (Arc::clone(client), key.clone());
        Self { client, key, etag: None, at, end: at, stream: None, ready: VecDeque::new(), failures: 0 }
    }

    fn into_stream(self, meta: ObjectMeta) -> ReadStream {
        let body = stream::unfold(self, |mut reader| async move {
            let piece = reader.next().await?;
            Some((piece, reader))
        });
        ReadStream { meta, body: body.boxed(), file: None }
    }

    async fn next(&mut self) -> Option<Result<Bytes>> {
        loop {
            if self.at >= self.end {
                return None;
            }
            if let Some(mut bytes) = self.ready.pop_front() {
                let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
                let mut piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
                piece.truncate(left);
                if !bytes.is_empty() {
                    self.ready.push_front(bytes);
                }
                self.at += piece.len() as u64;
                return Some(Ok(piece));
            }
            if let Err(error) = self.fill().await {
                self.at = self.end;
                return Some(Err(error));
            }
        }
    }

    /// Fetches more, from a new stream if the old one broke off.
    async fn fill(&mut self) -> Result<()> {
        let options = &self.client.options;
        let (mut stream, patience) = match self.stream.take() {
            Some(stream) => (stream, options.body_idle_time_max),
            None => {
                let etag = self.etag.clone();
                (start(&self.client, &self.key, etag, self.at, Some(self.end)).await?, options.call_time_max)
            }
        };
        let failure = match tokio::time::timeout(patience, stream.next()).await {
            Ok(Some(Ok(buffer))) => {
                self.ready.extend(Iterator::filter(buffer, |bytes| !bytes.is_empty()));
                self.stream = Some(stream);
                self.failures = 0;
                return Ok(());
            }
            Ok(Some(Err(error))) => Failure::Said(error),
            Ok(None) => Failure::Short(self.end - self.at),
            Err(_) => Failure::TimedOut(patience),
        };
        self.failures += 1;
        // Without a tag nobody knows whether the rest is of the same object.
        if !failure.may_pass() || self.etag.is_none() || self.failures >= self.client.options.attempts_max.get() {
            return Err(self.client.fail(failure, "read", &self.key));
        }
        self.client.pause(self.failures).await;
        Ok(())
    }
}
