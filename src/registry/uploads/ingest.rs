//! From the network into storage: gather a piece, then hash and write it while the next one arrives.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::BlobBody;
use super::hashes::Hashes;
use crate::registry::{Error, Result};
use crate::storage::Writer;

/// What came of a body.
pub(super) struct Ingested {
    /// The hashes over everything up to `bytes`.
    pub hashes: Hashes,
    /// How many bytes were hashed and written.
    pub bytes: u64,
    /// Whether the body has ended; if not, there is more to come.
    pub ended: bool,
}

/// A body that has been begun.
pub(super) enum Head {
    /// All of it: it is short.
    Whole(Vec<Bytes>),
    /// As it was: it is longer, or broken off.
    Longer(BlobBody),
}

/// Holds a body in memory, if it has no more than `bytes_max` bytes.
///
/// # Errors
/// [`Error::Body`] when the client went away and nothing arrived before that.
pub(super) async fn head(mut body: BlobBody, bytes_max: usize) -> Result<Head> {
    if body.bytes_expected.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Ok(Head::Longer(body));
    }
    let pieces = gather(&mut body, bytes_max + 1).await?;
    let behind = if pieces.iter().map(Bytes::len).sum::<usize>() > bytes_max {
        body.stream
    } else {
        match gather(&mut body, 1).await {
            Err(Error::Body(reason)) => stream::once(async { Err(reason) }).boxed(),
            Err(error) => return Err(error),
            // It had ended.
            Ok(_) => return Ok(Head::Whole(pieces)),
        }
    };
    let stream = stream::iter(pieces.into_iter().map(Ok)).chain(behind).boxed();
    Ok(Head::Longer(BlobBody { stream, bytes_expected: body.bytes_expected }))
}

/// Pieces as one.
pub(super) fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.len() {
        1 => pieces.remove(0),
        _ => pieces.concat().into(),
    }
}

/// The next piece of a body: whatever has arrived, up to `bytes_max` and the frame that crosses it. Empty at the end.
///
/// # Errors
/// [`Error::Body`] when the client went away and nothing arrived before that.
pub(super) async fn gather(body: &mut BlobBody, bytes_max: usize) -> Result<Vec<Bytes>> {
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    while bytes < bytes_max {
        match body.stream.next().await {
            Some(Ok(frame)) => {
                bytes += frame.len();
                pieces.push(frame);
            }
            // What arrived before the failure is used; the stream tells of it again, or ends, and then the length is short.
            Some(Err(_)) if bytes > 0 => {
                body.stream = stream::once(async { Err("the client went away".to_owned()) }).boxed();
                break;
            }
            Some(Err(reason)) => return Err(Error::Body(reason)),
            None => break,
        }
    }
    Ok(pieces)
}

/// Feeds a body into `writer` and the hashes, until it ends or `bytes_max` bytes have been taken. The pieces in memory are two
/// at the most: the one that is being processed and the one that is arriving.
///
/// Everything up to the last whole piece has been written when an error is returned beside it.
pub(super) async fn ingest(
    body: &mut BlobBody,
    writer: &mut dyn Writer,
    mut hashes: Hashes,
    piece_bytes: usize,
    bytes_max: u64,
) -> (Ingested, Result<()>) {
    let mut bytes = 0;
    let mut arriving = gather(body, piece_bytes).await;
    loop {
        let pieces = match arriving {
            Ok(pieces) if pieces.is_empty() => return (Ingested { hashes, bytes, ended: true }, Ok(())),
            Ok(pieces) => pieces,
            Err(error) => return (Ingested { hashes, bytes, ended: true }, Err(error)),
        };
        let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let last = bytes + len >= bytes_max;
        let before = hashes.clone();
        let next = async { if last { Ok(Vec::new()) } else { gather(body, piece_bytes).await } };
        let (hashed, written, next) = tokio::join!(hashes.update(pieces.clone()), writer.write(pieces), next);
        if let Err(error) = written {
            return (Ingested { hashes: before, bytes, ended: true }, Err(error.into()));
        }
        (hashes, bytes, arriving) = (hashed, bytes + len, next);
        if last {
            return (Ingested { hashes, bytes, ended: false }, Ok(()));
        }
    }
}
