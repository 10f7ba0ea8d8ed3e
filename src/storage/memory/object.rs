//! An object in memory: immutable pieces, so that readers share them.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};

use crate::storage::ObjectMeta;

/// The size of the pieces in which an object is kept, and handed out.
pub(super) const PIECE_BYTES_MAX: usize = 1024 * 1024;

/// The content and age of an object. Cheap to clone.
#[derive(Clone)]
pub(super) struct Object {
    pieces: Arc<[Bytes]>,
    size: u64,
    modified: SystemTime,
}

impl Object {
    fn new(pieces: Vec<Bytes>) -> Self {
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces: pieces.into(), size, modified: SystemTime::now() }
    }

    /// Copies: what comes from the network is often a small slice of a large buffer, which would be kept alive whole.
    pub(super) fn from_bytes(content: &Bytes) -> Self {
        Self::new(content.chunks(PIECE_BYTES_MAX).map(Bytes::copy_from_slice).collect())
    }

    pub(super) fn concat(parts: &[Self]) -> Self {
        Self::new(parts.iter().flat_map(|part| part.pieces.iter().cloned()).collect())
    }

    pub(super) fn modified_at(mut self, modified: SystemTime) -> Self {
        self.modified = modified;
        self
    }

    pub(super) fn meta(&self) -> ObjectMeta {
        ObjectMeta { size: self.size, modified: Some(self.modified) }
    }

    /// The bytes of `range`, which lies within the object.
    pub(super) fn slices(&self, range: Range<u64>) -> Vec<Bytes> {
        let mut found = Vec::new();
        let mut at = 0;
        for piece in self.pieces.iter() {
            let end = at + piece.len() as u64;
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                found.push(piece.slice((from - at) as usize..(to - at) as usize));
            }
            at = end;
        }
        found
    }

    pub(super) fn whole(&self) -> Bytes {
        match &*self.pieces {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }

    /// The same object cut to its first `len` bytes.
    pub(super) fn cut(&self, len: u64) -> Self {
        Self::new(self.slices(0..len))
    }
}

/// Collects what a writer gets into pieces of a good size.
#[derive(Default)]
pub(super) struct Collector {
    pieces: Vec<Bytes>,
    last: BytesMut,
}

impl Collector {
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let take = bytes.len().min(PIECE_BYTES_MAX - self.last.len());
            self.last.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
            if self.last.len() == PIECE_BYTES_MAX {
                self.pieces.push(self.last.split().freeze());
            }
        }
    }

    pub(super) fn finish(mut self) -> Object {
        if !self.last.is_empty() {
            self.pieces.push(self.last.freeze());
        }
        Object::new(self.pieces)
    }
}
