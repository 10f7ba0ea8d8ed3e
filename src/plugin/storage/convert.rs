//! Between the types of the trait and those of the WIT interface.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_bindings::storage::wharf::storage::types as wit;

use crate::storage::{ByteRange, Capabilities, ListEntry, ListPage, ObjectMeta, Shape, StorageKey, WriteOptions};

/// A key as `bindgen!` wants it: borrowed, but a `String`.
pub(super) fn name(key: &StorageKey) -> wit::Key {
    key.as_str().to_owned()
}

pub(super) fn meta(meta: wit::ObjectMeta) -> ObjectMeta {
    ObjectMeta { size: meta.size_bytes, modified: meta.modified_ms.and_then(time) }
}

/// A time that the system can't express is as good as none.
fn time(ms: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(ms))
}

pub(super) fn meta_to_wit(meta: ObjectMeta) -> wit::ObjectMeta {
    let since = meta.modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let modified_ms = since.and_then(|since| u64::try_from(since.as_millis()).ok());
    wit::ObjectMeta { size_bytes: meta.size, modified_ms }
}

pub(super) fn range(range: ByteRange) -> wit::ByteRange {
    wit::ByteRange { offset_bytes: range.start, length_bytes: range.len }
}

pub(super) fn range_from_wit(range: wit::ByteRange) -> ByteRange {
    ByteRange { start: range.offset_bytes, len: range.length_bytes }
}

pub(super) fn options(options: WriteOptions) -> wit::WriteOptions {
    wit::WriteOptions { if_absent: options.if_absent, append_at_bytes: options.append_at, volatile: options.volatile }
}

pub(super) fn options_from_wit(options: wit::WriteOptions) -> WriteOptions {
    WriteOptions { if_absent: options.if_absent, append_at: options.append_at_bytes, volatile: options.volatile }
}

pub(super) fn shape(shape: Shape) -> wit::Shape {
    match shape {
        Shape::Children => wit::Shape::Children,
        Shape::Subtree => wit::Shape::Subtree,
    }
}

pub(super) fn shape_from_wit(shape: wit::Shape) -> Shape {
    match shape {
        wit::Shape::Children => Shape::Children,
        wit::Shape::Subtree => Shape::Subtree,
    }
}

pub(super) fn page_to_wit(page: ListPage) -> wit::ListPage {
    let entry = |entry: ListEntry| wit::ListEntry { name: entry.name, object: entry.object.map(meta_to_wit) };
    wit::ListPage { entries: page.entries.into_iter().map(entry).collect(), more: page.more }
}

pub(super) fn flags_to_wit(capabilities: Capabilities) -> wit::CapabilityFlags {
    let mut flags = wit::CapabilityFlags::LIST_CHILDREN;
    for (told, flag) in [
        (capabilities.append, wit::CapabilityFlags::APPEND),
        (capabilities.conditional_put, wit::CapabilityFlags::CONDITIONAL_PUT),
        (capabilities.server_side_assemble, wit::CapabilityFlags::SERVER_SIDE_ASSEMBLE),
        (capabilities.remote, wit::CapabilityFlags::REMOTE),
    ] {
        if told {
            flags |= flag;
        }
    }
    flags
}
