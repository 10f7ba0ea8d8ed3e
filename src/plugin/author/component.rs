//! The step from a module to a component.

use std::path::Path;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_component::{ComponentEncoder, StringEncoding};

use super::Error;

/// The world of a project: always called so, whichever of ours it includes.
const PROJECT_WORLD: &str = "plugin";

/// A project's own world, with everything that it refers to.
pub(super) struct ProjectWorld {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
}

impl ProjectWorld {
    /// Reads the folder `wit/` of a project.
    pub(super) fn read(wit: &Path) -> Result<Self, Error> {
        let told = |error: &dyn std::fmt::Display| Error::Wit(format!("{error:#}"));
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(wit).map_err(|error| told(&error))?;
        let world = resolve.select_world(&[package], Some(PROJECT_WORLD)).map_err(|error| told(&error))?;
        Ok(Self { resolve, world })
    }

    /// Writes the world into a module whose compiler does not know of it.
    pub(super) fn embed(&self, module: &mut Vec<u8>) -> Result<(), Error> {
        wit_component::embed_component_metadata(module, &self.resolve, self.world, StringEncoding::UTF8)
            .map_err(|error| Error::Component(format!("{error:#}")))
    }
}

/// What somebody made by tools of their own: a component as it is, or a module, which is told its world if its compiler did not.
pub(super) fn of_made(mut made: Vec<u8>, wit: &Path) -> Result<Vec<u8>, Error> {
    if Parser::is_component(&made) {
        return Ok(made);
    }
    if !Parser::is_core_wasm(&made) {
        return Err(Error::Component("it is no WebAssembly: name the file that the compiler wrote".to_owned()));
    }
    let knows_world = Parser::new(0).parse_all(&made).any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    });
    if !knows_world {
        ProjectWorld::read(wit)?.embed(&mut made)?;
    }
    of_module(&made)
}

/// Makes a component of a module that has its world written in it. What speaks WASI 0.1 gets the adapter to WASI 0.2.
pub(super) fn of_module(module: &[u8]) -> Result<Vec<u8>, Error> {
    let told = |error: &dyn std::fmt::Display| Error::Component(format!("{error:#}"));
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module).map_err(|error| told(&error))?;
    if speaks_wasi_0_1(module)? {
        encoder
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
            .map_err(|error| told(&error))?;
    }
    encoder.encode().map_err(|error| told(&error))
}

fn speaks_wasi_0_1(module: &[u8]) -> Result<bool, Error> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload.map_err(|error| Error::Component(error.to_string()))? {
            for import in imports.into_imports() {
                let import = import.map_err(|error| Error::Component(error.to_string()))?;
                if import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
