//! What a verification says.

use std::fmt;

use crate::oci::{Digest, RepositoryName, Tag};

/// One thing that happened. Shown as a line of output, without its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifyEvent<'a> {
    /// This repository comes next.
    Repository(&'a RepositoryName),
    /// Something is wrong.
    Problem {
        /// In which repository.
        repository: &'a RepositoryName,
        /// What it is.
        problem: &'a Problem,
    },
}

/// What can be wrong in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A link holds no digest, or another one than its path says.
    BadLink(Kind, Digest),
    /// Content is linked, but has no bytes.
    Missing(Kind, Digest),
    /// The bytes have another digest.
    Mismatch {
        /// What is linked.
        kind: Kind,
        /// Under which digest.
        digest: Digest,
        /// The digest that the bytes have.
        found: Digest,
    },
    /// The bytes can't be read to the end.
    Unreadable {
        /// What is linked.
        kind: Kind,
        /// Under which digest.
        digest: Digest,
        /// What the storage said.
        reason: String,
    },
    /// A manifest of a type that Wharf does not serve.
    Foreign {
        /// Which one.
        digest: Digest,
        /// Why not.
        reason: String,
    },
    /// A manifest refers to a blob that its repository does not have.
    NotLinked {
        /// Which manifest.
        manifest: Digest,
        /// Which blob.
        blob: Digest,
    },
    /// A tag leads to no manifest of its repository.
    Dangling {
        /// Which tag.
        tag: Tag,
        /// Where it leads; `None` when it holds no digest.
        target: Option<Digest>,
    },
}

/// What a link makes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A layer or a config.
    Blob,
    /// A manifest.
    Manifest,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blob => "blob",
            Self::Manifest => "manifest",
        })
    }
}

impl fmt::Display for VerifyEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repository) => write!(f, "{repository}"),
            Self::Problem { repository, problem } => write!(f, "{repository}: {problem}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadLink(kind, digest) => {
                write!(f, "{kind} {digest}: its link does not hold the digest that it should")
            }
            Self::Missing(kind, digest) => write!(f, "{kind} {digest}: its bytes are missing"),
            Self::Mismatch { kind, digest, found } => write!(f, "{kind} {digest}: its bytes have the digest {found}"),
            Self::Unreadable { kind, digest, reason } => {
                write!(f, "{kind} {digest}: its bytes can't be read: {reason}")
            }
            Self::Foreign { digest, reason } => write!(f, "manifest {digest}: it can't be served: {reason}"),
            Self::NotLinked { manifest, blob } => {
                write!(f, "manifest {manifest}: it needs blob {blob}, which this repository does not have")
            }
            Self::Dangling { tag, target: Some(digest) } => {
                write!(f, "tag {tag}: it leads to manifest {digest}, which this repository does not have")
            }
            Self::Dangling { tag, target: None } => write!(f, "tag {tag}: it holds no digest"),
        }
    }
}
