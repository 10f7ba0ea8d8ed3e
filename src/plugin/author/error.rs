//! What can go wrong while a plugin is written or built.

use std::io;
use std::path::PathBuf;

/// Why a project can't be written or built; a sentence for its author.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tool that the project's language needs is not there.
    #[error("{tool} is not installed, which {purpose}. Install it with: {install}")]
    ToolMissing {
        /// Its name.
        tool: &'static str,
        /// What it is needed for, as a verb: `compiles Python to a component`.
        purpose: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// A tool ran and failed. It has told why on its own standard error.
    #[error("`{command}` failed ({status}); its own message stands above")]
    ToolFailed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
    },
    /// Something is wrong with the project.
    #[error("{0}")]
    Project(String),
    /// The files in `wit/` can't be read as WIT.
    #[error("the WIT of the project can't be used: {0}")]
    Wit(String),
    /// What the tool made is no module that a component can be made of.
    #[error("no component can be made of what the compiler wrote: {0}")]
    Component(String),
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` on what concerns a file.
    pub(super) fn of_file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
