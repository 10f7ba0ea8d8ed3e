//! What can go wrong in a registry operation, in the registry's own words. `http` turns each case into one OCI error.

use crate::oci::{Digest, ManifestError, Reference, RepositoryName};
use crate::storage::StorageError;

/// The result of a registry operation.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed registry operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was ever stored under this name.
    #[error("repository {0} is not known")]
    NameUnknown(RepositoryName),
    /// The repository does not link this blob; whether another one does is nobody's business.
    #[error("blob {0} is not known in this repository")]
    BlobUnknown(Digest),
    /// No such tag or manifest in this repository.
    #[error("manifest {reference} is not known in repository {repository}")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// No such upload in this repository: it never was, or it has ended.
    #[error("there is no such upload in this repository: it was finished, cancelled or purged")]
    UploadUnknown,
    /// Another request is writing to this upload.
    #[error("another request is writing to this upload")]
    UploadBusy {
        /// How many bytes it had when it was last looked at.
        offset: u64,
    },
    /// The bytes do not continue where the upload stands.
    #[error("the upload stands at byte {offset}: continue there")]
    OffsetMismatch {
        /// Where it stands.
        offset: u64,
    },
    /// The content is not what the digest says.
    #[error("the content's digest is {found}, not {expected}")]
    DigestMismatch {
        /// What the client said.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// Not a manifest that is stored here.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// A manifest names blobs or manifests that this repository does not have.
    #[error("the manifest refers to content that this repository does not have: push it first")]
    ReferencesUnknown(Vec<Digest>),
    /// A layer's `urls` go where the configuration does not allow.
    #[error("the layer URL {0:?} is not allowed here (validation.manifests.urls)")]
    UrlNotAllowed(String),
    /// The client went away, or what it sent ended early.
    #[error("the request's body ended early: {0}")]
    Body(String),
    /// A defect of ours; the log has the rest.
    #[error("internal error: {0}")]
    Internal(String),
    /// The storage backend failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
