//! The words of the token protocol for what is accessed.

use std::fmt;

use super::{Access, Action, Resource};

impl Resource {
    /// `repository` or `registry`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Repository(_) => "repository",
            Self::Catalog => "registry",
        }
    }

    /// The repository's name, or `catalog`.
    pub fn name(&self) -> &str {
        match self {
            Self::Repository(name) => name,
            Self::Catalog => "catalog",
        }
    }
}

impl Action {
    /// `pull`, `push`, `delete` or `*`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `type:name:action`, as in a scope: `repository:team/app:pull`.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.resource.kind(), self.resource.name(), self.action)
    }
}
