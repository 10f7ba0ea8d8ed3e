//! Which file is read.

use std::fmt;
use std::path::{Path, PathBuf};

/// Names the file where no argument does. Not a part of the configuration itself.
pub(super) const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";

/// Where the images of `distribution` have their file: version 3, then version 2.
const IMAGE_PATHS: [&str; 2] = ["/etc/distribution/config.yml", "/etc/docker/registry/config.yml"];

/// What the process was given.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The file that the command line names.
    pub argument: Option<PathBuf>,
    /// The environment, of which `REGISTRY_…` is looked at. Never shown: it holds secrets.
    pub environment: Vec<(String, String)>,
    /// Names of variables whose value is no UTF-8; each is a mistake.
    pub unreadable: Vec<String>,
    /// Whether the program was called by the name `registry`: then the places of the images are looked at, too.
    pub as_registry: bool,
}

impl Inputs {
    /// What this process was given, with the file of its command line.
    pub fn of_process(argument: Option<PathBuf>, as_registry: bool) -> Self {
        let mut inputs = Self { argument, as_registry, ..Self::default() };
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.into_string().ok().filter(|name| name.starts_with("REGISTRY_")) else { continue };
            match value.into_string() {
                Ok(value) => inputs.environment.push((name, value)),
                Err(_) => inputs.unreadable.push(name),
            }
        }
        inputs
    }
}

/// Where the configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// No file: what is built in, and the environment.
    BuiltIn,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::BuiltIn => f.write_str("built-in defaults"),
        }
    }
}

/// Decides: the argument, else the variable, else (as `registry`) the first of the images' files that exists, else none.
pub(super) fn find(inputs: &Inputs) -> Source {
    if let Some(path) = &inputs.argument {
        return Source::File(path.clone());
    }
    let variable = inputs.environment.iter().find(|(name, value)| name == PATH_VARIABLE && !value.is_empty());
    if let Some((_, path)) = variable {
        return Source::File(PathBuf::from(path));
    }
    let of_image = || IMAGE_PATHS.iter().map(Path::new).find(|path| path.exists());
    match of_image().filter(|_| inputs.as_registry) {
        Some(path) => Source::File(path.to_owned()),
        None => Source::BuiltIn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_comes_first_then_the_variable_then_nothing() {
        let mut inputs = Inputs {
            argument: Some("a.toml".into()),
            environment: vec![(PATH_VARIABLE.to_owned(), "b.yml".to_owned())],
            ..Inputs::default()
        };
        assert_eq!(find(&inputs), Source::File("a.toml".into()));
        inputs.argument = None;
        assert_eq!(find(&inputs), Source::File("b.yml".into()));
        inputs.environment[0].1.clear();
        assert_eq!(find(&inputs), Source::BuiltIn);
    }
}
