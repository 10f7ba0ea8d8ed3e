//! What came of trying a storage out.

use std::fmt;
use std::time::Duration;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It does it.
    Works,
    /// It can't do it, and need not.
    Missing,
    /// It must do it, and doesn't.
    Fails,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Works => "works",
            Self::Missing => "missing",
            Self::Fails => "FAILS",
        })
    }
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// What follows from it, or what went wrong and how to mend it.
    pub note: String,
    /// How long it took.
    pub took: Duration,
    /// It failed because the storage did not answer; it may, later.
    pub may_pass: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Exactly one of several conditional writers won.
    pub conditional_put: bool,
    /// URLs that were signed for clients are good.
    pub urls: bool,
    /// What was tried, in order.
    pub steps: Vec<Step>,
}

impl Findings {
    /// The first thing that a registry can't do without and the storage doesn't do.
    pub fn failure(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.outcome == Outcome::Fails)
    }
}
