//! Writes a new project.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::language::Language;
use super::templates::files;
use super::wit;
use super::world::World;

/// The longest name of a plugin.
const NAME_BYTES_MAX: usize = 64;

/// Writes a project for a plugin: its sources, its WIT with everything that it refers to, `plugin.toml`, and a page that says how
/// to go on. It builds and works as it is.
///
/// Returns the project's folder, which is `parent/name`.
///
/// # Errors
/// When the name can't be one, the folder is there already, or a file can't be written.
pub fn scaffold(parent: &Path, name: &str, world: World, language: Language) -> Result<PathBuf, Error> {
    check_name(name)?;
    let folder = parent.join(name);
    fs::create_dir_all(parent).map_err(Error::of_file(parent))?;
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::Project(format!("{} is there already; choose another name, or remove it", folder.display()))
        }
        _ => Error::File { path: folder.clone(), source: error },
    })?;
    for (path, template) in files(world, language) {
        write(&folder.join(path), &template.replace("{{name}}", name))?;
    }
    write_dependencies(&folder, world)?;
    Ok(folder)
}

/// Writes `wit/deps`: the contract, and what it refers to.
pub(super) fn write_dependencies(folder: &Path, world: World) -> Result<(), Error> {
    wit::dependencies(world).try_for_each(|(path, text)| write(&folder.join("wit/deps").join(path), text))
}

/// The name is the project's folder, the component's file, a Rust package and a Go module.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let rest = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    let fine = name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|letter| letter.is_ascii_lowercase())
        && name.bytes().all(rest)
        && !name.ends_with('-');
    if fine {
        return Ok(());
    }
    Err(Error::Project(format!(
        "{name:?} can't be the name of a plugin: it begins with a letter from a to z, and goes on with those, digits and `-`, up \
         to {NAME_BYTES_MAX} in all"
    )))
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(Error::of_file(folder))?;
    }
    fs::write(file, text).map_err(Error::of_file(file))
}
