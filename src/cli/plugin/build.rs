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
    /// Call no compiler: take this module, or this component, which one of any language has made
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<String, Failure> {
    author::build(&arguments.folder, arguments.from.as_deref())
        .map(|file| format!("{}\n", file.display()))
        .map_err(Failure::from)
}
