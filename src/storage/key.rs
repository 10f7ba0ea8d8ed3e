//! Storage keys.

use std::fmt;

/// The name of an object: path components joined by `/`, without a leading or trailing one. Also used as a prefix, which then
/// stands for everything beneath `key/`.
///
/// A component is never empty, `.` or `..` and holds neither `/` nor NUL, so a key can be joined to a directory without any
/// danger of leaving it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageKey(String);

/// The longest key, in bytes: what S3 allows.
pub const KEY_BYTES_MAX: usize = 1024;

/// A text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a storage key: components must not be empty, '.' or '..', and the whole at most {KEY_BYTES_MAX} bytes"
)]
pub struct KeyError(String);

impl StorageKey {
    /// Checks a key.
    ///
    /// # Errors
    /// [`KeyError`] when a component is empty, `.` or `..`, when there is a NUL, or when it is too long.
    pub fn parse(text: impl Into<String>) -> std::result::Result<Self, KeyError> {
        let text = text.into();
        if text.len() <= KEY_BYTES_MAX && good(&text) { Ok(Self(text)) } else { Err(KeyError(text)) }
    }

    /// A key whose parts the caller has checked already: identifiers of [`crate::oci`] and literals of the layout.
    pub(crate) fn trusted(text: String) -> Self {
        debug_assert!(Self::parse(text.clone()).is_ok(), "{text}");
        Self(text)
    }

    /// This key with `/name` behind it.
    ///
    /// # Errors
    /// As [`StorageKey::parse`].
    pub fn join(&self, name: &str) -> std::result::Result<Self, KeyError> {
        let mut text = String::with_capacity(self.0.len() + 1 + name.len());
        for part in [&self.0, "/", name] {
            text.push_str(part);
        }
        // This key has been looked at already.
        if text.len() <= KEY_BYTES_MAX && good(name) { Ok(Self(text)) } else { Err(KeyError(text)) }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether each component may be one of a key.
fn good(text: &str) -> bool {
    let component = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    text.as_bytes().split(|byte| *byte == b'/').all(component)
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_can_climb_out() {
        for bad in ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/.", "a\0b"] {
            assert!(StorageKey::parse(bad).is_err(), "{bad:?}");
        }
        let key = StorageKey::parse("a").unwrap();
        for bad in ["", "/", "b/", "..", "b/../../c", "b\0"] {
            assert!(key.join(bad).is_err(), "{bad:?}");
        }
        assert!(key.join(&"b".repeat(KEY_BYTES_MAX - 1)).is_err());
        for good in ["a", "a/b", "...", "a/.hidden", "ä/+=~ x"] {
            assert!(StorageKey::parse(good).is_ok(), "{good:?}");
        }
    }
}
