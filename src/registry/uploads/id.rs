//! Upload ids.

use std::fmt;
use std::str::FromStr;

/// The id of an upload: a UUID in text. Random, so that knowing it is as good as having been told it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UploadId(Box<str>);

/// A text that can't be an upload id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an upload id has at most 128 characters: letters, digits, '-', '_', '.' and '='")]
pub struct UploadIdError;

impl UploadId {
    /// A new one.
    pub(super) fn fresh() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// Its text, which is safe as a path component.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = UploadIdError;

    /// Takes what `distribution` takes as an id, so that an upload which it began can at least be cancelled and purged.
    fn from_str(text: &str) -> Result<Self, UploadIdError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        let only_dots = text.bytes().all(|byte| byte == b'.');
        if text.len() <= 128 && !only_dots && text.bytes().all(good) {
            Ok(Self(text.into()))
        } else {
            Err(UploadIdError)
        }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_harmless_path_component() {
        for bad in ["", ".", "..", "a/b", "a b", "a\0", "ä", &"a".repeat(129)] {
            assert!(bad.parse::<UploadId>().is_err(), "{bad:?}");
        }
        let fresh = UploadId::fresh();
        assert_eq!(fresh.as_str().parse(), Ok(fresh));
    }
}
