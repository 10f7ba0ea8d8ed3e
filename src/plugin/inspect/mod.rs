//! What a component is, read from its bytes: nothing is compiled or run.

mod binary;
mod report;
#[cfg(test)]
mod tests;
mod world;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::manifest::Manifest;

pub use report::{Got, Report};
pub use world::{World, WorldError};

/// A component.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// `sha256:…` of the file.
    pub digest: String,
    /// The file's size.
    pub size_bytes: u64,
    /// The world that it is for.
    pub world: World,
    /// The version of the contract that it was built with.
    pub world_version: String,
    /// What it exports.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it was made with, such as `Rust 1.95.0` or `wit-bindgen 0.61.1`, each once.
    pub toolchain: Vec<String>,
    /// What it says of itself; empty when it says nothing.
    pub manifest: Manifest,
    /// Whether it carries a manifest.
    pub has_manifest: bool,
}

impl Description {
    /// Reads a component.
    ///
    /// # Errors
    /// A sentence that says why the bytes are no plugin for this server, and what to do about it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let binary::Binary { exports, imports, toolchain } = binary::read(bytes)?;
        let (world, world_version) = world::of(&exports, &imports).map_err(|error| error.to_string())?;
        let has_manifest = super::manifest::section(bytes)?.is_some();
        let manifest = Manifest::of(bytes)?;
        Ok(Self {
            digest: format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))),
            size_bytes: bytes.len() as u64,
            world,
            world_version,
            exports,
            imports,
            toolchain,
            manifest,
            has_manifest,
        })
    }
}
