//! Where a component comes from.

mod oci;

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::error::LoadError;
use crate::config::plugin::{PluginLimits, RegistryLogin};

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A registry: `oci://host/repository@sha256:…`.
    Oci(String),
    /// This program; the text names what.
    BuiltIn(&'static str, Bytes),
}

impl Source {
    /// Reads what stands in the configuration or on the command line.
    pub fn parse(component: &str) -> Self {
        if component.starts_with("oci://") { Self::Oci(component.to_owned()) } else { Self::File(component.into()) }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Oci(_) | Self::BuiltIn(..) => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Oci(reference) => f.write_str(reference),
            Self::BuiltIn(name, _) => write!(f, "built-in {name}"),
        }
    }
}

/// A component that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The component.
    pub bytes: Bytes,
    /// `sha256:…` of it.
    pub digest: String,
    /// Where it came from, for people.
    pub source: String,
}

impl Loaded {
    /// Reads a component; from a registry with the login for it, if there is one.
    ///
    /// # Errors
    /// [`LoadError::Source`] when it can't be read, or is larger than `limits.component_bytes_max`.
    pub async fn read(source: &Source, limits: &PluginLimits, logins: &[RegistryLogin]) -> Result<Self, LoadError> {
        let cannot = |reason: String| LoadError::Source { source_name: source.to_string(), reason };
        let max = limits.component_bytes_max;
        let bytes = match source {
            Source::File(path) => read_file(path, max.get()).await.map_err(cannot)?,
            Source::BuiltIn(_, bytes) => bytes.clone(),
            Source::Oci(reference) => oci::pull(reference, max.get(), logins).await.map_err(cannot)?,
        };
        if bytes.len() as u64 > max.get() {
            return Err(cannot(format!("it is larger than limits.component_bytes_max ({max}); raise the limit")));
        }
        let digest = format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
        Ok(Self { bytes, digest, source: source.to_string() })
    }
}

/// One byte more than the limit at most.
async fn read_file(path: &Path, bytes_max: u64) -> Result<Bytes, String> {
    let file = tokio::fs::File::open(path).await.map_err(|error| {
        let mend = "name a file that exists and that this user may read";
        format!("{error}; {mend}")
    })?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
    Ok(bytes.into())
}
