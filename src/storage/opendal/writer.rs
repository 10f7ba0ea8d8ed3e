//! Writing: collected into parts that grow with the object; what fits into one is a single request.

use std::sync::Arc;

use ::opendal::{Buffer, options};
use async_trait::async_trait;
use bytes::Bytes;

use super::client::Client;
use super::memory::{Quota, Reserved};
use crate::storage::{Result, StorageKey, Writer};

/// How often the parts of an object get twice as large, before there are as many as a store takes: 10,000 parts of 10 MiB and
/// more, which is what S3 takes, then hold 8 TiB.
const PART_SIZES: usize = 10;
/// Up to this size an object is written whatever else is under way: links, states, and what was in memory anyhow.
const UNRESERVED_BYTES_MAX: usize = 512 << 10;
/// What every object is said to be, as `distribution` says it: nobody but this server should read anything into it.
const CONTENT_TYPE: &str = "application/octet-stream";

pub(super) struct PartWriter {
    client: Arc<Client>,
    key: StorageKey,
    if_absent: bool,
    held: Vec<Bytes>,
    held_bytes: usize,
    /// The size of the first parts.
    first_part_bytes: usize,
    /// Memory for parts, once this is more than a small object, and of that for the part that is held.
    quota: Option<Quota>,
    reserved: Option<Reserved>,
    parts: usize,
    size: u64,
    upload: Option<Upload>,
}

impl PartWriter {
    pub(super) fn new(client: &Arc<Client>, key: &StorageKey, if_absent: bool) -> Result<Self> {
        client.path("write", key)?;
        let if_absent = if_absent && client.quirks.conditional_put;
        let (client, key) = (Arc::clone(client), key.clone());
        let first_part_bytes = client.options.part_bytes;
        let (quota, reserved, upload, held) = (None, None, None, Vec::new());
        let (held_bytes, parts, size) = (0, 0, 0);
        Ok(Self { client, key, if_absent, held, held_bytes, first_part_bytes, quota, reserved, parts, size, upload })
    }

    fn part_bytes(&self) -> usize {
        let parts_per_size = (self.client.options.parts_max / PART_SIZES).max(1);
        self.first_part_bytes.saturating_mul(1 << (self.parts / parts_per_size).min(16))
    }

    fn take_held(&mut self) -> Buffer {
        self.held_bytes = 0;
        if let Some(reserved) = self.reserved.take()
            && let Some(last) = self.held.pop()
        {
            self.held.push(reserved.until_dropped(last));
        }
        Buffer::from(std::mem::take(&mut self.held))
    }

    /// Adds to the part that is held; before it grows beyond a small object, waits for memory for all of it.
    async fn hold(&mut self, piece: Bytes) {
        if self.reserved.is_none() && self.held_bytes + piece.len() > UNRESERVED_BYTES_MAX {
            let quota = match self.quota.take() {
                Some(quota) => quota,
                None => self.first_quota().await,
            };
            self.reserved = Some(quota.reserve(self.part_bytes(), self.client.options.call_time_max).await);
            self.quota = Some(quota);
        }
        self.held_bytes += piece.len();
        self.held.push(piece);
    }

    /// Memory for the first part, before any has been sent: what decides how large parts are.
    async fn first_quota(&mut self) -> Quota {
        let options = &self.client.options;
        if options.part_bytes_with_room > options.part_bytes
            && let Some(quota) = options.part_memory.quota_if_roomy(options.part_bytes_with_room)
        {
            self.first_part_bytes = options.part_bytes_with_room;
            return quota;
        }
        options.part_memory.quota(self.first_part_bytes).await
    }

    fn options(&self) -> options::WriteOptions {
        options::WriteOptions {
            if_not_exists: self.if_absent,
            concurrent: self.client.options.parts_concurrent.get(),
            content_type: content_type(&self.client),
            ..Default::default()
        }
    }

    /// Sends what is held as one part.
    async fn send(&mut self) -> Result<()> {
        let part = self.take_held();
        if self.upload.is_none() {
            let path = self.client.path("write", &self.key)?.to_owned();
            let options = self.options();
            let writer = self.client.operator.writer_options(&path, options);
            let writer = self.client.call("write", &self.key, writer).await?;
            self.upload = Some(Upload(Some(writer)));
        }
        if let Some(Upload(Some(writer))) = &mut self.upload {
            self.client.call("write", &self.key, writer.write(part)).await?;
        }
        self.parts += 1;
        Ok(())
    }

    /// An object that fits into one part. Sending it again is harmless, but for a condition that the first attempt fulfilled.
    async fn put(&mut self) -> Result<()> {
        let content = self.take_held();
        let path = self.client.path("write", &self.key)?;
        // Not the operator's own `write`: what that leaves behind when it fails halfway, nobody aborts.
        let once = || async {
            let mut upload = Upload(Some(self.client.operator.writer_options(path, self.options()).await?));
            if let Some(writer) = &mut upload.0 {
                if !content.is_empty() {
                    writer.write(content.clone()).await?;
                }
                writer.close().await?;
            }
            upload.0 = None;
            Ok(())
        };
        match self.if_absent {
            true => self.client.call("write", &self.key, once()).await,
            false => self.client.retry("write", &self.key, once).await,
        }
    }
}

/// The content type of a new object, where the service takes one.
pub(super) fn content_type(client: &Client) -> Option<String> {
    client.operator.info().capability().write_with_content_type.then(|| CONTENT_TYPE.to_owned())
}

#[async_trait]
impl Writer for PartWriter {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        for mut piece in pieces {
            self.size += piece.len() as u64;
            while !piece.is_empty() {
                let room = self.part_bytes() - self.held_bytes;
                let taken = piece.split_to(piece.len().min(room));
                self.hold(taken).await;
                // A full part is sent only when more follows: an object of exactly one part is a single request.
                if self.held_bytes == self.part_bytes() && !piece.is_empty() {
                    self.send().await?;
                }
            }
        }
        if self.held_bytes == self.part_bytes() {
            self.send().await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64> {
        if self.upload.is_none() {
            self.put().await?;
            return Ok(self.size);
        }
        if self.held_bytes > 0 {
            self.send().await?;
        }
        let Some(mut upload) = self.upload.take() else { return Ok(self.size) };
        if let Some(writer) = &mut upload.0 {
            let time = self.client.options.call_time_max + self.client.options.work_time_max;
            self.client.call_within(time, "finish", &self.key, writer.close()).await?;
        }
        upload.0 = None;
        Ok(self.size)
    }

    async fn abort(mut self: Box<Self>) -> Result<()> {
        match self.upload.take().and_then(|mut upload| upload.0.take()) {
            Some(mut writer) => self.client.call("abort", &self.key, writer.abort()).await,
            None => Ok(()),
        }
    }
}

/// An upload under way. Dropped, it is aborted: otherwise a store keeps its parts, and bills them, for ever.
pub(super) struct Upload(pub(super) Option<::opendal::Writer>);

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(mut writer), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                // What is not there need not be aborted: it was completed, or aborted by a request whose answer was lost.
                if let Err(error) = writer.abort().await
                    && error.kind() != ::opendal::ErrorKind::NotFound
                {
                    tracing::warn!(%error, "an unfinished upload could not be aborted");
                }
            });
        }
    }
}
