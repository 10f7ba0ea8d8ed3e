//! The small types that cross the storage interface.

use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{FileSlice, Result, StorageKey};

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Size in bytes.
    pub size: u64,
    /// When it was last written, where the backend knows.
    pub modified: Option<SystemTime>,
}

/// Which bytes to read: `len` bytes from `start` on, or to the end. A range that reaches behind the end is cut there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    /// The first byte, from 0.
    pub start: u64,
    /// How many; `None` reads to the end.
    pub len: Option<u64>,
}

impl ByteRange {
    /// The whole object.
    pub const ALL: Self = Self { start: 0, len: None };

    /// The bytes meant in an object of `size` bytes, cut at its end; `None` when the range starts behind the end. One that
    /// starts exactly at the end is empty.
    pub fn within(self, size: u64) -> Option<std::ops::Range<u64>> {
        let end = self.len.map_or(size, |len| self.start.saturating_add(len).min(size));
        (self.start <= size).then_some(self.start..end)
    }
}

/// An object opened for reading.
pub struct ReadStream {
    /// Of the whole object, whatever range was asked for.
    pub meta: ObjectMeta,
    /// The bytes asked for, in order, in pieces of the backend's choice (at most 1 MiB each). Nothing is read ahead of what
    /// the caller polls, but for one piece.
    pub body: BoxStream<'static, Result<Bytes>>,
    /// The same bytes as an open file, where the backend has one and it is worth the while: whoever can send a file leaves
    /// `body` alone.
    pub file: Option<FileSlice>,
}

/// How an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    /// Fail with `AlreadyExists` instead of replacing, where [`Capabilities::conditional_put`] is told.
    pub if_absent: bool,
    /// Go on writing a growing object at this offset, where [`Capabilities::append`] is told: what lies behind the offset is
    /// cut off first, a shorter object is a `Conflict`, and so is a second writer at the same time, in any process. For staging
    /// keys only: the bytes are readable before `finish`.
    pub append_at: Option<u64>,
    /// The object need not survive a power cut, only the end of this process: what an unfinished upload keeps of itself. It is
    /// still there whole or not at all.
    pub volatile: bool,
}

/// One step of [`super::Storage::commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Write a small object, replacing what is there.
    Put {
        /// Where.
        key: StorageKey,
        /// What.
        content: Bytes,
    },
    /// Make an object out of staged parts; see [`super::Storage::assemble`].
    Assemble {
        /// The parts, in order.
        parts: Vec<StorageKey>,
        /// Where to.
        key: StorageKey,
    },
    /// Delete objects.
    Delete {
        /// Which.
        keys: Vec<StorageKey>,
    },
}

/// What a backend can do beyond the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// [`WriteOptions::append_at`] works.
    pub append: bool,
    /// [`WriteOptions::if_absent`] lets exactly one of several writers win.
    pub conditional_put: bool,
    /// [`super::Storage::assemble`] moves no bytes through this process, at least for a single part.
    pub server_side_assemble: bool,
    /// [`super::Storage::url`] gives URLs.
    pub presign: bool,
    /// Operations cost a round trip to another machine, so asking twice is worth avoiding.
    pub remote: bool,
}

/// What a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The names directly beneath the prefix, objects and deeper prefixes alike, in byte order of the *name* (a prefix's slash
    /// does not count, so `v1` comes before `v1-rc` whichever is which).
    Children,
    /// Every object beneath the prefix, at any depth, in byte order of the whole key.
    Subtree,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Beneath which prefix (`prefix/…`).
    pub prefix: StorageKey,
    /// Only what comes after this, exclusive; relative to the prefix, without a leading or trailing slash. Need not exist.
    pub after: Option<String>,
    /// At most so many entries; at least 1.
    pub limit: usize,
    /// What is listed.
    pub shape: Shape,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Relative to the prefix: a name for [`Shape::Children`], a path for [`Shape::Subtree`].
    pub name: String,
    /// Of an object; `None` for a deeper prefix (only with [`Shape::Children`]).
    pub object: Option<ObjectMeta>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The entries, in order.
    pub entries: Vec<ListEntry>,
    /// Whether there is more behind the last entry. Never true with an empty page.
    pub more: bool,
}

/// A write that was begun and has not been finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The key under which nothing is to be seen yet.
    pub key: StorageKey,
    /// The backend's name for the write; a key may have several.
    pub id: String,
    /// When it was begun, where the backend knows.
    pub began: Option<SystemTime>,
}

/// A page of unfinished writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnfinishedPage {
    /// By key.
    pub writes: Vec<Unfinished>,
    /// Whether there may be more behind the last one.
    pub more: bool,
}
