//! `wharf plugin new`: writes the project of a new plugin.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Failure;
use crate::plugin::author::{Language, World, scaffold};

/// What to write.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What the plugin is to be
    #[arg(long, value_parser = PossibleValuesParser::new(World::ALL.map(World::name)))]
    world: String,
    /// In which language
    #[arg(long, visible_alias = "language", value_parser = PossibleValuesParser::new(Language::ALL.map(Language::name)))]
    lang: String,
    /// Its name: letters from a to z, digits and `-`; a path puts the project into another folder
    name: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<String, Failure> {
    let world =
        World::from_name(&arguments.world).ok_or_else(|| Failure::Said(format!("no world {}", arguments.world)))?;
    let language =
        Language::from_name(&arguments.lang).ok_or_else(|| Failure::Said(format!("no language {}", arguments.lang)))?;
    let name = arguments.name.file_name().unwrap_or(arguments.name.as_os_str()).to_string_lossy();
    let parent = arguments.name.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(std::path::Path::new("."));
    let folder = scaffold(parent, &name, world, language).map_err(Failure::from)?;
    let folder = folder.strip_prefix(".").unwrap_or(&folder).display();
    Ok(format!("{folder}\nIts README.md says how to go on; in short: cd {folder} && wharf plugin build\n"))
}
