//! Reading an object through a component's `reader`.

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::errors::Call;
use super::session::{Place, call};
use super::transfer::{Transfer, step};
use super::{PluginStorage, convert};
use crate::storage::{ByteRange, ErrorKind, FileSlice, ObjectMeta, ReadStream, Result, StorageKey};

/// How much is asked for at a time, in bytes.
const READ_BYTES_MAX: u32 = 256 * 1024;

/// For fewer bytes, asking for their stream costs more than reading them.
const PASSED_BYTES_MIN: u64 = 64 * 1024;

impl PluginStorage {
    /// Opens an object, and gives its bytes as a stream.
    pub(super) async fn open_stream(&self, key: &StorageKey, range: ByteRange) -> Result<ReadStream> {
        let call = self.call("read", key);
        let place = self.places(1, &call).await?;
        let (meta, mut body) = self.open_reader(call, place, range).await?;
        if let Some(file) = body.pass_by().await? {
            return Ok(self.files.open(meta, file));
        }
        let body = stream::try_unfold(body, |mut body| async move {
            let piece = body.next().await?;
            Ok(piece.map(|piece| (piece, body)))
        });
        Ok(ReadStream { meta, body: body.boxed(), file: None })
    }

    /// Opens an object for reading.
    pub(super) async fn open_reader(&self, call: Call, place: Place, range: ByteRange) -> Result<(ObjectMeta, Body)> {
        let (name, asked) = (convert::name(&call.key), convert::range(range));
        let mut session = self.session(&call, Some(place)).await?;
        let before = session.resources();
        let opened = call!(session, &call, |store, exports| {
            exports.backend.wharf_storage_backend().call_read(store, &name, asked)
        });
        let opened = opened.map_err(|failure| failure.into_error(&call))?;
        let mut transfer = Transfer::new(call, session, opened.body, before);
        let meta = convert::meta(opened.meta);
        let Some(wanted) = range.within(meta.size) else {
            transfer.break_off().await;
            return Err(transfer.call.error(ErrorKind::RangeNotSatisfiable, "the range starts behind the end"));
        };
        let announced = wanted.end - wanted.start;
        if announced == 0 {
            transfer.break_off().await;
        }
        Ok((meta, Body { transfer, announced, left: announced }))
    }
}

/// The bytes of an opened object.
pub(super) struct Body {
    transfer: Transfer,
    /// How many bytes there are, by what was said when it was opened.
    announced: u64,
    /// So many are still to come.
    left: u64,
}

impl Body {
    /// The next bytes; `None` at the end. More or less than was announced is an error, and never looks like the whole: before
    /// the last piece is given away, the end has been seen.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let passing = self.transfer.stream.is_some();
        let piece = match passing {
            true => self.transfer.take(self.left.min(u64::from(READ_BYTES_MAX)) as usize).await?,
            false => self.read().await?,
        };
        if piece.is_empty() {
            let (given, announced) = (self.announced - self.left, self.announced);
            return self.broken(&format!("a reader ends after {given} of {announced} bytes")).await;
        }
        let Some(left) = self.left.checked_sub(piece.len() as u64) else { return self.too_long().await };
        if left == 0 {
            if !passing && !self.read().await?.is_empty() {
                return self.too_long().await;
            }
            self.transfer.end().await;
        }
        self.left = left;
        Ok(Some(piece))
    }

    /// Lets the bytes pass the component by, if it hands over a stream and they are enough to be worth that; gives the file if
    /// the stream is one.
    async fn pass_by(&mut self) -> Result<Option<FileSlice>> {
        match self.announced < PASSED_BYTES_MIN {
            true => Ok(None),
            false => self.transfer.input(self.announced).await,
        }
    }

    async fn read(&mut self) -> Result<Bytes> {
        let piece = step!(self.transfer, |store, exports, reader| async {
            exports.backend.wharf_storage_backend().reader().call_read(store, reader, READ_BYTES_MAX).await
        })?;
        if piece.len() > READ_BYTES_MAX as usize {
            return self.broken(&format!("asked for {READ_BYTES_MAX} bytes, a reader gives {}", piece.len())).await;
        }
        Ok(piece.into())
    }

    async fn too_long<T>(&mut self) -> Result<T> {
        self.broken(&format!("a reader gives more than the {} bytes announced", self.announced)).await
    }

    async fn broken<T>(&mut self, what: &str) -> Result<T> {
        self.transfer.break_off().await;
        Err(self.transfer.call.broken(what))
    }
}
