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

/// The most that a component is told of: what every language has a number for. JavaScript's are exact up to here, and its engine
/// traps on the largest of 64 bits. No object is as large.
pub(super) const NUMBER_MAX: u64 = (1 << 53) - 1;

pub(super) fn range(range: ByteRange) -> wit::ByteRange {
    wit::ByteRange {
        offset_bytes: range.start.min(NUMBER_MAX),
        length_bytes: range.len.map(|length| length.min(NUMBER_MAX)),
    }
}

pub(super) fn range_from_wit(range: wit::ByteRange) -> ByteRange {
    ByteRange { start: range.offset_bytes, len: range.length_bytes }
}

pub(super) fn options(options: WriteOptions) -> wit::WriteOptions {
    let append_at_bytes = options.append_at.map(|offset| offset.min(NUMBER_MAX));
    wit::WriteOptions { if_absent: options.if_absent, append_at_bytes, volatile: options.volatile }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_an_end_in_sight_is_one_that_javascript_has_a_number_for() {
        let given = range(ByteRange { start: 5, len: Some(u64::MAX) });
        assert_eq!((given.offset_bytes, given.length_bytes), (5, Some(9_007_199_254_740_991)));
        assert_eq!(range(ByteRange::ALL).length_bytes, None);
    }
}
