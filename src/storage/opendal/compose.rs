//! Copying and assembling: inside the service where it can.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use ::opendal::options;
use futures_util::StreamExt;

use super::client::{Client, TryLater};
use super::reader;
use super::writer::{PartWriter, Upload, content_type};
use crate::storage::{ByteRange, ErrorKind, Result, StorageError, StorageKey, Writer};

/// The most that one request copies into a part of another object, on S3.
const COPY_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Of how many parts an object may be made, on S3, with some left for the edges between staged objects.
const PARTS_MAX: u64 = 9_000;
/// How fast a store copies at the least: what a copy may take beyond the time of a call.
const COPY_BYTES_PER_SECOND_MIN: u64 = 4 << 20;

pub(super) async fn copy(client: &Arc<Client>, from: &StorageKey, to: &StorageKey) -> Result<()> {
    // It tells a missing source apart from a missing right, which stores do not on copying.
    let size = client.stat("copy", from).await?.size;
    if !client.quirks.copies {
        return stream(client, std::slice::from_ref(from), to).await;
    }
    let can = client.operator.info().capability();
    let how = client.options.copies;
    let in_parts = can.copy_can_multi && size > how.whole_bytes_max;
    if in_parts && how.whole_bytes_max == 0 && can.write_can_copy_from {
        // A new object, because a copy would not have the attributes that new objects are given.
        return if size == 0 { put_empty(client, to).await } else { inside(client, &[(from, size)], to).await };
    }
    let (source, target) = (client.path("copy", from)?, client.path("copy", to)?);
    let options = || options::CopyOptions {
        // The source is an object that nobody writes again, so what was just seen of it holds.
        source_content_length_hint: Some(size),
        concurrent: if in_parts { how.concurrent.get() } else { 1 },
        chunk: in_parts.then(|| part_bytes(how.part_bytes as u64, size) as usize),
        ..Default::default()
    };
    let copied = client
        .retry_within(time_for(client, size), "copy", from, || client.operator.copy_options(source, target, options()))
        .await;
    match copied {
        // Announced, and not there: some stores know no copies in parts, or none at all.
        Err(error) if is_refused(&error) => stream(client, std::slice::from_ref(from), to).await,
        copied => copied.map(drop),
    }
}

pub(super) async fn assemble(client: &Arc<Client>, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
    match parts {
        [part] if client.quirks.renames => {
            client.stat("assemble", part).await?;
            let (source, target) = (client.path("assemble", part)?, client.path("assemble", key)?);
            client.call("assemble", part, client.operator.rename(source, target)).await
        }
        [part] => copy(client, part, key).await,
        [_, _, ..] if client.operator.info().capability().write_can_copy_from => {
            let mut sized = Vec::with_capacity(parts.len());
            for part in parts {
                sized.push((part, client.stat("assemble", part).await?.size));
            }
            let whole: u64 = sized.iter().map(|(_, size)| size).sum();
            if whole <= client.options.part_bytes as u64 {
                // No more requests, and an object that is too small for a part would be streamed anyhow.
                return stream(client, parts, key).await;
            }
            match inside(client, &sized, key).await {
                Err(error) if is_refused(&error) => {
                    tracing::warn!(%error, "the store does not assemble objects itself; the bytes go through this server");
                    stream(client, parts, key).await
                }
                // The operator streams what is too small for a part, and does not resume that.
                Err(error) if broke_off(&error) => stream(client, parts, key).await,
                assembled => assembled,
            }
        }
        parts => stream(client, parts, key).await,
    }
}

/// Whether a store said no to a way of doing it, rather than to the thing itself.
fn is_refused(error: &StorageError) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Other)
}

/// Whether bytes on their way here ended too early. A request that failed was repeated until it was given up.
fn broke_off(error: &StorageError) -> bool {
    let said = error.source().and_then(|source| source.downcast_ref::<::opendal::Error>());
    let given_up = said.and_then(std::error::Error::source).is_some_and(|source| source.is::<TryLater>());
    error.is_retryable() && said.is_some() && !given_up
}

/// How long a store may take to copy so much, in all the requests that it takes.
fn time_for(client: &Client, bytes: u64) -> Duration {
    client.options.call_time_max + client.options.work_time_max + Duration::from_secs(bytes / COPY_BYTES_PER_SECOND_MIN)
}

/// The size of the parts that an object of `size` bytes is copied in.
fn part_bytes(wanted: u64, size: u64) -> u64 {
    wanted.max(size.div_ceil(PARTS_MAX)).clamp(5 << 20, COPY_BYTES_MAX)
}

/// The service puts the parts together itself.
async fn inside(client: &Arc<Client>, parts: &[(&StorageKey, u64)], key: &StorageKey) -> Result<()> {
    let target = client.path("assemble", key)?;
    let whole: u64 = parts.iter().map(|(_, size)| size).sum();
    let (piece, time) = (part_bytes(client.options.copies.part_bytes as u64, whole), time_for(client, whole));
    let options = options::WriteOptions {
        concurrent: client.options.copies.concurrent.get(),
        content_type: content_type(client),
        ..Default::default()
    };
    let mut upload = Upload(Some(client.call("assemble", key, client.operator.writer_options(target, options)).await?));
    if let Some(writer) = &mut upload.0 {
        for (part, size) in parts {
            let path = client.path("assemble", part)?;
            let mut start = 0;
            while start < *size {
                // What is left over at the end would be too small for a part of its own.
                let end = if *size - start < 2 * piece { (*size).min(start + COPY_BYTES_MAX) } else { start + piece };
                client.call_within(time, "assemble", part, writer.copy_from(path, start..end)).await?;
                start = end;
            }
        }
        client.call_within(time, "assemble", key, writer.close()).await?;
    }
    upload.0 = None;
    Ok(())
}

async fn put_empty(client: &Arc<Client>, key: &StorageKey) -> Result<()> {
    Box::new(PartWriter::new(client, key, false)?).finish().await.map(drop)
}

/// The bytes pass through here.
async fn stream(client: &Arc<Client>, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
    let mut writer = Box::new(PartWriter::new(client, key, false)?);
    for part in parts {
        let mut body = reader::open(client, part, ByteRange::ALL).await?.body;
        while let Some(piece) = body.next().await {
            writer.write(vec![piece?]).await?;
        }
    }
    writer.finish().await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_ten_thousand_are_enough() {
        let mib = 1 << 20;
        assert_eq!(part_bytes(32 * mib, 100 * mib), 32 * mib);
        for size in [1 << 40, 5 << 40] {
            let part = part_bytes(32 * mib, size);
            assert!(size.div_ceil(part) <= PARTS_MAX && part <= COPY_BYTES_MAX, "{size}: {part}");
        }
    }
}
