//! Copying and assembling: inside the service where it can.

use std::sync::Arc;

use futures_util::StreamExt;

use super::client::Client;
use super::reader;
use super::writer::{PartWriter, Upload};
use crate::storage::{ByteRange, Result, StorageKey, Writer};

/// The most that one request copies into a part of another object, on S3.
const COPY_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

pub(super) async fn copy(client: &Arc<Client>, from: &StorageKey, to: &StorageKey) -> Result<()> {
    // It tells a missing source apart from a missing right, which stores do not on copying.
    client.stat("copy", from).await?;
    if !client.quirks.copies {
        return stream(client, std::slice::from_ref(from), to).await;
    }
    let (source, target) = (client.path("copy", from)?, client.path("copy", to)?);
    client.retry("copy", from, || client.operator.copy(source, target)).await.map(drop)
}

pub(super) async fn assemble(client: &Arc<Client>, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
    match parts {
        [part] if client.quirks.renames => {
            client.stat("assemble", part).await?;
            let (source, target) = (client.path("assemble", part)?, client.path("assemble", key)?);
            client.call("assemble", part, client.operator.rename(source, target)).await
        }
        [part] => copy(client, part, key).await,
        [_, _, ..] if client.operator.info().capability().write_can_copy_from => inside(client, parts, key).await,
        parts => stream(client, parts, key).await,
    }
}

/// The service puts the parts together itself.
async fn inside(client: &Arc<Client>, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
    let mut sizes = Vec::with_capacity(parts.len());
    for part in parts {
        sizes.push(client.stat("assemble", part).await?.size);
    }
    let target = client.path("assemble", key)?;
    let mut upload = Upload(Some(client.call("assemble", key, client.operator.writer(target)).await?));
    if let Some(writer) = &mut upload.0 {
        for (part, size) in parts.iter().zip(sizes) {
            let path = client.path("assemble", part)?;
            for start in (0..size).step_by(COPY_BYTES_MAX as usize) {
                let end = size.min(start + COPY_BYTES_MAX);
                client.call("assemble", part, writer.copy_from(path, start..end)).await?;
            }
        }
        client.call("assemble", key, writer.close()).await?;
    }
    upload.0 = None;
    Ok(())
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
