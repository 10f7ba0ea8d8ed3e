//! `wharf plugin build`: makes the component of a plugin's project.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::plugin::author;

/// What to build.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<String, Failure> {
    author::build(&arguments.folder).map(|file| format!("{}\n", file.display())).map_err(Failure::from)
}
