//! Why a provider can't be built from its options.

/// An option of a provider that can't be used. The text names the configuration key, the value or file, and the mend; it holds
/// no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SetupError {
    /// The key as it stands in the configuration: `auth.htpasswd.path`.
    pub key: &'static str,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl SetupError {
    pub(super) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}
