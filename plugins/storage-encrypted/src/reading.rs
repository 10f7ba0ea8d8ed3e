//! An object opened.

use crate::bindings::exports::wharf::storage::backend::{ByteRange, GuestReader};
use crate::bindings::wharf::storage::backend as below;
use crate::bindings::wharf::storage::types::{Error, ObjectMeta};
use crate::cipher::{Keyring, Sealer};
use crate::format::{self, CHUNK_BYTES, HEADER_BYTES, Header, SEALED_BYTES};
use std::cell::RefCell;

/// An object opened, or a range of it.
pub(crate) struct Reading {
    state: RefCell<State>,
}

struct State {
    key: String,
    source: Source,
    sealer: Sealer,
    /// The number of the chunk that comes next.
    next: u64,
    chunks: u64,
    /// What is opened and not read yet, from `read_bytes` on.
    plain: Vec<u8>,
    read_bytes: usize,
    /// Of the next chunk, these first bytes are before the range.
    skip_bytes: usize,
    /// Of the range, so many bytes are not read yet.
    left_bytes: u64,
}

/// The sealed bytes from below.
struct Source {
    below: below::Reader,
    ahead: Vec<u8>,
}

impl Source {
    /// The next so many bytes, or fewer at the end.
    fn take(&mut self, bytes: usize) -> Result<Vec<u8>, Error> {
        while self.ahead.len() < bytes {
            let piece = self.below.read(u32::try_from(bytes).unwrap_or(u32::MAX))?;
            if piece.is_empty() {
                break;
            }
            self.ahead.extend_from_slice(&piece);
        }
        let rest = self.ahead.split_off(self.ahead.len().min(bytes));
        Ok(std::mem::replace(&mut self.ahead, rest))
    }
}

impl Reading {
    pub(crate) fn open(keyring: &Keyring, key: &str, range: ByteRange) -> Result<(ObjectMeta, Self), Error> {
        let first = range.offset_bytes / CHUNK_BYTES as u64;
        // One request below where the range is in front, so that header and chunks are of one object even if it is replaced
        // meanwhile. Otherwise the header is read first; chunks of another object can't be opened, so nothing wrong is told.
        let from_start = ByteRange { offset_bytes: 0, length_bytes: (first > 0).then_some(HEADER_BYTES as u64) };
        let opened = below::read(key, from_start)?;
        let meta = format::plain_meta(opened.meta).ok_or_else(|| format::not_ours(key))?;
        let mut source = Source { below: opened.body, ahead: Vec::new() };
        let header = Header::parse(&source.take(HEADER_BYTES)?).ok_or_else(|| format::not_ours(key))?;
        let sealer = keyring.open(key, &header)?;
        if range.offset_bytes > meta.size_bytes {
            return Err(Error::RangeNotSatisfiable);
        }
        let behind = meta.size_bytes - range.offset_bytes;
        let left_bytes = range.length_bytes.map_or(behind, |length| length.min(behind));
        if first > 0 && left_bytes > 0 {
            let from = ByteRange { offset_bytes: format::chunk_offset(first), length_bytes: None };
            source = Source { below: below::read(key, from)?.body, ahead: Vec::new() };
        }
        let state = State {
            key: key.to_owned(),
            source,
            sealer,
            next: first,
            chunks: format::chunks(meta.size_bytes),
            plain: Vec::new(),
            read_bytes: 0,
            skip_bytes: (range.offset_bytes % CHUNK_BYTES as u64) as usize,
            left_bytes,
        };
        Ok((meta, Self { state: RefCell::new(state) }))
    }
}

impl GuestReader for Reading {
    fn read(&self, bytes_max: u32) -> Result<Vec<u8>, Error> {
        self.state.borrow_mut().read(bytes_max)
    }
}

impl State {
    fn read(&mut self, bytes_max: u32) -> Result<Vec<u8>, Error> {
        let wanted = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(bytes_max as usize);
        let mut piece = Vec::with_capacity(wanted.min(1024 * 1024));
        while piece.len() < wanted {
            if self.read_bytes == self.plain.len() {
                // What is opened already is given before the next chunk is waited for, unless it is little.
                if piece.len() >= CHUNK_BYTES {
                    break;
                }
                self.open_next()?;
            }
            let ready = self.plain.get(self.read_bytes..).unwrap_or_default();
            let now = ready.len().min(wanted - piece.len());
            piece.extend_from_slice(&ready[..now]);
            self.read_bytes += now;
        }
        self.left_bytes -= piece.len() as u64;
        Ok(piece)
    }

    fn open_next(&mut self) -> Result<(), Error> {
        let is_last = self.next + 1 >= self.chunks;
        self.plain = self.source.take(SEALED_BYTES)?;
        let forged = || {
            Error::Corrupt(format!(
                "chunk {} of {} is not what was written there, or the key is another",
                self.next, self.key
            ))
        };
        self.sealer.open(&mut self.plain, self.next, is_last).ok_or_else(forged)?;
        let is_full = self.plain.len() == CHUNK_BYTES || is_last;
        if !is_full || self.skip_bytes > self.plain.len() || (self.plain.is_empty() && self.left_bytes > 0) {
            return Err(forged());
        }
        self.read_bytes = self.skip_bytes;
        self.skip_bytes = 0;
        self.next += 1;
        Ok(())
    }
}
