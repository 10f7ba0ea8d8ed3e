//! The vocabulary of the registry: digests, names, tags, references, media types, descriptors, manifests, error codes.
//!
//! Everything here is plain data and pure computation: no I/O, no clock, no async. Each identifier is a newtype that is
//! parsed once, at the edge of the server, and trusted by everything below it.

pub mod descriptor;
pub mod digest;
pub mod error_code;
pub mod hasher;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod reference;
pub mod tag;

pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError};
pub use error_code::ErrorCode;
pub use hasher::Hasher;
pub use manifest::{Manifest, ManifestError};
pub use name::{NameError, RepositoryName};
pub use reference::Reference;
pub use tag::{Tag, TagError};
