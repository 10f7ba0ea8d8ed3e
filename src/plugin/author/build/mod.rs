//! Builds a project: the language's own tool, the step to a component, the manifest.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use super::component;
use super::error::Error;
use super::language::Language;
use super::world::World;
use crate::plugin::manifest::{self, Manifest};

/// A project on its way to a component.
struct Project<'a> {
    /// Its top folder, an absolute path.
    folder: &'a Path,
    /// Where what is made on the way is kept: `build/` in the project.
    build: PathBuf,
}

impl Project<'_> {
    fn wit(&self) -> PathBuf {
        self.folder.join("wit")
    }
}

/// Builds the project in a folder, writes `NAME.wasm` into it, and returns that path. With `made` no tool is called: that file
/// is the module or the component that one has made, in whatever language.
///
/// # Errors
/// When the folder holds no project, a tool is missing or fails, or what it made is no component.
pub fn build(folder: &Path, made: Option<&Path>) -> Result<PathBuf, Error> {
    let made = made.map(read).transpose()?;
    let folder = &fs::canonicalize(folder).map_err(Error::of_file(folder))?;
    let manifest_file = folder.join("plugin.toml");
    let manifest = fs::read_to_string(&manifest_file).map_err(|error| {
        Error::Project(format!(
            "{} is no plugin's project: {}: {error}. `wharf plugin new` writes one",
            folder.display(),
            manifest_file.display()
        ))
    })?;
    let (name, world) = told_in(&manifest)?;
    let build = folder.join("build");
    fs::create_dir_all(&build).map_err(Error::of_file(&build))?;
    let project = Project { folder, build };
    if !project.wit().join("deps").exists() {
        // A project that keeps only its own WIT gets the rest in the version that this server speaks.
        super::scaffold::write_dependencies(folder, world)?;
    }
    let component = match made {
        Some(made) => component::of_made(made, &project.wit())?,
        None => compiled(&project)?,
    };
    let component = manifest::embed(&component, &manifest).map_err(Error::Component)?;
    let file = folder.join(format!("{name}.wasm"));
    // A server that watches this file never sees half of it.
    let partial = project.build.join("partial.wasm");
    fs::write(&partial, component).map_err(Error::of_file(&partial))?;
    fs::rename(&partial, &file).map_err(Error::of_file(&file))?;
    Ok(file)
}

/// What the tool of the project's language makes of it.
fn compiled(project: &Project<'_>) -> Result<Vec<u8>, Error> {
    let folder = project.folder;
    let language = Language::of_project(folder).ok_or_else(|| {
        let marks = Language::ALL.map(Language::mark).join(", ");
        Error::Project(format!(
            "{} is in no language that is known here: it has none of {marks}. What another language's compiler made is taken \
             by `wharf plugin build --from FILE`",
            folder.display()
        ))
    })?;
    match language {
        Language::Rust => rust::component(project),
        Language::JavaScript => javascript::component(project),
        Language::Python => python::component(project),
        Language::Go => go::component(project),
        Language::C => c::component(project),
    }
}

/// The plugin's name and world.
fn told_in(manifest: &str) -> Result<(String, World), Error> {
    let Manifest { name, world, .. } = Manifest::check(manifest).map_err(Error::Project)?;
    super::scaffold::check_name(&name)?;
    let world = World::from_name(&world).ok_or_else(|| {
        let worlds = World::ALL.map(World::name).join(", ");
        Error::Project(format!("plugin.toml: world {world:?} is none of {worlds}"))
    })?;
    Ok((name, world))
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    fs::read(file).map_err(Error::of_file(file))
}
