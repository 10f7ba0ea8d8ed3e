//! In which languages a project can be.

use std::path::Path;

/// A language that there is a scaffold for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust, by cargo.
    Rust,
    /// JavaScript, by jco.
    JavaScript,
    /// Python, by componentize-py.
    Python,
    /// Go, by its own compiler.
    Go,
    /// C and C++, by zig or the clang of the WASI SDK.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rust, Self::JavaScript, Self::Python, Self::Go, Self::C];

    /// Its name on the command line: `javascript`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::Go => "go",
            Self::C => "c",
        }
    }

    /// The file by which a project of this language is known; what the author edits, but in Rust and Go.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "plugin.js",
            Self::Python => "plugin.py",
            Self::Go => "go.mod",
            Self::C => "plugin.c",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// The language of a project.
    pub(super) fn of_project(project: &Path) -> Option<Self> {
        let marked = Self::ALL.into_iter().find(|language| project.join(language.mark()).is_file());
        marked.or_else(|| project.join("plugin.cpp").is_file().then_some(Self::C))
    }
}
