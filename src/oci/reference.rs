//! What stands behind `/manifests/`: a tag or a digest.

use std::fmt;
use std::str::FromStr;

use super::{Digest, DigestError, Tag};

/// A manifest's reference (`<tag-or-digest>` in the distribution specification).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By name.
    Tag(Tag),
    /// By content.
    Digest(Digest),
}

/// Why a text is neither a tag nor a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It has a colon, so a digest was meant.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// It has none, so a tag was meant.
    #[error(transparent)]
    Tag(#[from] super::TagError),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') { Ok(Self::Digest(text.parse()?)) } else { Ok(Self::Tag(text.parse()?)) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}
