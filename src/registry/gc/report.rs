//! What a collection says. The lines are those of `distribution` 3.1, because scripts read them.

use std::fmt;

use crate::oci::{Digest, RepositoryName, Tag};

/// One thing that happened. Shown as a line of output, without its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum GcEvent<'a> {
    /// The manifests of this repository come next.
    Repository(&'a RepositoryName),
    /// A manifest is needed.
    Manifest {
        /// By which repository.
        repository: &'a RepositoryName,
        /// Its canonical digest.
        digest: &'a Digest,
    },
    /// A blob is needed, and had not been found to be so before.
    Blob {
        /// By which repository.
        repository: &'a RepositoryName,
        /// Its canonical digest.
        digest: &'a Digest,
    },
    /// No tag leads to a manifest.
    ManifestEligible {
        /// In which repository.
        repository: &'a RepositoryName,
        /// Its canonical digest.
        digest: &'a Digest,
        /// The tags that once pointed at it.
        tags: &'a [Tag],
    },
    /// Marking is over; what follows is deleted, unless this is a dry run.
    Marked {
        /// Blobs that are needed.
        marked: u64,
        /// Blobs that are not.
        blobs: u64,
        /// Manifests that no tag leads to.
        manifests: u64,
    },
    /// Nothing needs a blob.
    BlobEligible(&'a Digest),
    /// A repository links a blob that nothing needs.
    LayerLinkEligible {
        /// Which repository.
        repository: &'a RepositoryName,
        /// The digest that it links the blob under.
        digest: &'a Digest,
    },
    /// Something is not as it should be. Does not belong among the other lines.
    Warning {
        /// In which repository.
        repository: &'a RepositoryName,
        /// What it is.
        warning: &'a GcWarning,
    },
}

/// Something that a collection came upon and that the operator should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GcWarning {
    /// A manifest that the repository knows has no bytes.
    ManifestMissing(Digest),
    /// A manifest of a type that Wharf does not know, such as Docker's schema 1.
    ManifestForeign {
        /// Which one.
        digest: Digest,
        /// Why it can't be read.
        reason: String,
    },
    /// What is stored as a manifest is damaged or no JSON at all.
    ManifestUnreadable {
        /// Which one.
        digest: Digest,
        /// Why it can't be read.
        reason: String,
    },
    /// A link under another algorithm than SHA-256 that holds no digest.
    LinkUnreadable(Digest),
    /// A tag that holds no digest.
    TagUnreadable(Tag),
}

impl fmt::Display for GcEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repository) => write!(f, "{repository}"),
            Self::Manifest { repository, digest } => write!(f, "{repository}: marking manifest {digest}"),
            Self::Blob { repository, digest } => write!(f, "{repository}: marking blob {digest}"),
            Self::ManifestEligible { repository, digest, tags } => {
                write!(f, "manifest eligible for deletion: {{{repository} {digest} [")?;
                for (at, tag) in tags.iter().enumerate() {
                    write!(f, "{}{tag}", if at == 0 { "" } else { " " })?;
                }
                f.write_str("]}")
            }
            Self::Marked { marked, blobs, manifests } => {
                write!(f, "\n{marked} blobs marked, {blobs} blobs and {manifests} manifests eligible for deletion")
            }
            Self::BlobEligible(digest) => write!(f, "blob eligible for deletion: {digest}"),
            Self::LayerLinkEligible { repository, digest } => {
                write!(f, "{repository}: layer link eligible for deletion: {digest}")
            }
            Self::Warning { repository, warning } => write!(f, "{repository}: {warning}"),
        }
    }
}

impl fmt::Display for GcWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManifestMissing(digest) => {
                write!(f, "the bytes of manifest {digest} are missing: push it again, or delete it")
            }
            Self::ManifestForeign { digest, reason } => write!(
                f,
                "manifest {digest} is none that Wharf knows ({reason}): it is kept, and so is everything whose digest it \
                 names"
            ),
            Self::ManifestUnreadable { digest, reason } => write!(
                f,
                "manifest {digest} can't be read ({reason}): everything in this repository is kept until it is deleted"
            ),
            Self::LinkUnreadable(digest) => {
                write!(f, "the link of manifest {digest} holds no digest: push the manifest again, or delete the link")
            }
            Self::TagUnreadable(tag) => write!(
                f,
                "tag {tag} holds no digest: every manifest that it ever pointed at is kept until it is pushed again or \
                 deleted"
            ),
        }
    }
}
