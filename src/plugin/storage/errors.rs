//! What a component says went wrong, and what is wrong with what it says.

use std::fmt::Display;
use std::time::Duration;

use wharf_bindings::storage::wharf::storage::types as wit;

use crate::storage::{ErrorKind, StorageError, StorageKey};

/// Of a text that a component gives with an error, more is not logged, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Which call of which plugin an error belongs to.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) plugin: String,
    pub(super) operation: &'static str,
    pub(super) key: StorageKey,
}

impl Call {
    pub(super) fn new(plugin: &str, operation: &'static str, key: &StorageKey) -> Self {
        Self { plugin: plugin.to_owned(), operation, key: key.clone() }
    }

    /// An error of some kind, with a sentence about the plugin.
    pub(super) fn error(&self, kind: ErrorKind, sentence: impl Display) -> StorageError {
        StorageError::new(kind, self.operation, &self.key).with_source(format!("plugin {}: {sentence}", self.plugin))
    }

    /// The component has broken the contract; `what` says how.
    pub(super) fn broken(&self, what: impl Display) -> StorageError {
        self.error(ErrorKind::Corrupt, format_args!("it breaks the contract of wharf:storage: {what}"))
    }

    /// A reader or writer that is over was asked for more.
    pub(super) fn over(&self) -> StorageError {
        self.error(ErrorKind::Other, "it was used after it had failed")
    }

    /// What the component itself says: its cases are ours, one to one.
    pub(super) fn said(&self, error: wit::Error) -> StorageError {
        let plain = |kind| StorageError::new(kind, self.operation, &self.key);
        match error {
            wit::Error::NotFound => plain(ErrorKind::NotFound),
            wit::Error::AlreadyExists => plain(ErrorKind::AlreadyExists),
            wit::Error::Conflict => plain(ErrorKind::Conflict),
            wit::Error::RangeNotSatisfiable => plain(ErrorKind::RangeNotSatisfiable),
            wit::Error::TooLarge => plain(ErrorKind::TooLarge),
            wit::Error::NoSpace => self.error(ErrorKind::NoSpace, "the backend is full"),
            wit::Error::PermissionDenied(reason) => self.error(ErrorKind::PermissionDenied, cut(&reason)),
            wit::Error::Unavailable(wit::Unavailability { retry_after_ms, reason }) => {
                let retry_after = retry_after_ms.map(|ms| Duration::from_millis(ms.into()));
                self.error(ErrorKind::Unavailable { retry_after }, cut(&reason))
            }
            wit::Error::Unsupported => self.error(ErrorKind::Unsupported, "it says that it can't do this"),
            wit::Error::Corrupt(reason) => self.error(ErrorKind::Corrupt, cut(&reason)),
            wit::Error::Other(reason) => self.error(ErrorKind::Other, cut(&reason)),
        }
    }
}

/// What a component says is wrong, in words.
pub(super) fn sentence(error: &wit::Error) -> String {
    match error {
        wit::Error::PermissionDenied(reason) => format!("permission denied: {}", cut(reason)),
        wit::Error::Unavailable(why) => format!("unavailable: {}", cut(&why.reason)),
        wit::Error::Corrupt(reason) => format!("corrupt: {}", cut(reason)),
        wit::Error::Other(reason) => cut(reason),
        plain => format!("{plain:?}"),
    }
}

/// A text of a component as one line of a bounded length.
fn cut(reason: &str) -> String {
    let line = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut letters = reason.chars().map(line);
    let mut cut: String = letters.by_ref().take(REASON_CHARS_MAX).collect();
    if letters.next().is_some() {
        cut.push('…');
    }
    cut
}

/// The other way round: what a component is told about the backend below it.
pub(super) fn into_wit(error: &StorageError) -> wit::Error {
    let reason = || error.to_string();
    match error.kind() {
        ErrorKind::NotFound => wit::Error::NotFound,
        ErrorKind::AlreadyExists => wit::Error::AlreadyExists,
        ErrorKind::Conflict => wit::Error::Conflict,
        ErrorKind::RangeNotSatisfiable => wit::Error::RangeNotSatisfiable,
        ErrorKind::TooLarge => wit::Error::TooLarge,
        ErrorKind::NoSpace => wit::Error::NoSpace,
        ErrorKind::PermissionDenied => wit::Error::PermissionDenied(reason()),
        ErrorKind::Unavailable { retry_after } => wit::Error::Unavailable(wit::Unavailability {
            retry_after_ms: retry_after.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
            reason: reason(),
        }),
        ErrorKind::Unsupported => wit::Error::Unsupported,
        ErrorKind::Corrupt => wit::Error::Corrupt(reason()),
        ErrorKind::Other => wit::Error::Other(reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_keeps_its_kind_there_and_back() {
        let call = Call::new("p", "stat", &StorageKey::parse("a/b").unwrap());
        let unavailable = wit::Unavailability { retry_after_ms: Some(1500), reason: "busy".to_owned() };
        for (case, kind) in [
            (wit::Error::NotFound, ErrorKind::NotFound),
            (wit::Error::AlreadyExists, ErrorKind::AlreadyExists),
            (wit::Error::Conflict, ErrorKind::Conflict),
            (wit::Error::RangeNotSatisfiable, ErrorKind::RangeNotSatisfiable),
            (wit::Error::TooLarge, ErrorKind::TooLarge),
            (wit::Error::NoSpace, ErrorKind::NoSpace),
            (wit::Error::PermissionDenied("x".to_owned()), ErrorKind::PermissionDenied),
            (
                wit::Error::Unavailable(unavailable),
                ErrorKind::Unavailable { retry_after: Some(Duration::from_millis(1500)) },
            ),
            (wit::Error::Unsupported, ErrorKind::Unsupported),
            (wit::Error::Corrupt("x".to_owned()), ErrorKind::Corrupt),
            (wit::Error::Other("x".to_owned()), ErrorKind::Other),
        ] {
            let error = call.said(case);
            assert_eq!(error.kind(), kind);
            assert_eq!(call.said(into_wit(&error)).kind(), kind);
        }
    }

    #[test]
    fn a_text_of_a_component_is_one_short_line() {
        let cut = cut(&format!("a\nb\u{1b}[2J{}", "x".repeat(10_000)));
        assert!(cut.starts_with("a b [2Jxx") && cut.chars().count() == REASON_CHARS_MAX + 1, "{cut}");
    }
}
