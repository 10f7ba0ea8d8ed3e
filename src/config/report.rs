//! What is said about a configuration: mistakes and warnings, each a sentence with its mend.

use std::fmt;
use std::sync::Arc;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nowhere: it is built in, or missing.
    #[default]
    BuiltIn,
    /// A line of a file, counted from 1.
    File {
        /// The file, as it was named.
        file: Arc<str>,
        /// The line.
        line: usize,
    },
    /// An environment variable, by its name.
    Variable(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File { file, line } => write!(f, "{file} line {line}"),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// One mistake or one warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The key that it is about, such as `http.tls.key`; empty when it is about the whole file.
    pub key: String,
    /// Where the value was written.
    pub origin: Origin,
    /// What is wrong, and what to do. Holds no secret.
    pub sentence: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.key.is_empty()) {
            (Origin::BuiltIn, true) => f.write_str(&self.sentence),
            (Origin::BuiltIn, false) => write!(f, "{}: {}", self.key, self.sentence),
            (origin, true) => write!(f, "{origin}: {}", self.sentence),
            (origin, false) => write!(f, "{} ({origin}): {}", self.key, self.sentence),
        }
    }
}

/// Everything that is said about one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// With any of these a server does not start.
    pub mistakes: Vec<Notice>,
    /// What the operator should know.
    pub warnings: Vec<Notice>,
}

impl Report {
    /// Adds a mistake.
    pub(super) fn mistake(&mut self, key: impl Into<String>, origin: &Origin, sentence: impl Into<String>) {
        self.mistakes.push(Notice { key: key.into(), origin: origin.clone(), sentence: sentence.into() });
    }

    /// Whether a mistake was found at a key or below it.
    pub(super) fn has_mistake(&self, key: &str) -> bool {
        self.mistakes.iter().any(|mistake| {
            mistake.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Adds a warning.
    pub(super) fn warning(&mut self, key: impl Into<String>, origin: &Origin, sentence: impl Into<String>) {
        self.warnings.push(Notice { key: key.into(), origin: origin.clone(), sentence: sentence.into() });
    }
}

impl fmt::Display for Report {
    /// One line per notice: warnings first, because the mistakes are what should be left on the screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for mistake in &self.mistakes {
            writeln!(f, "error: {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
