//! What a kit found, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "seen")]
pub enum Verdict {
    /// The contract holds.
    Passed,
    /// The component does not promise this.
    NotPromised,
    /// It can't be tried, and the text says why.
    NotTried(String),
    /// The contract does not hold; the text says what was seen.
    Failed(String),
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// What the contract says.
    pub contract: String,
    /// Whether it holds.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long that took, in milliseconds.
    pub time_ms: u64,
}

/// All cases of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The component's file.
    pub component: String,
    /// The world whose contract was tried.
    pub world: &'static str,
    /// The cases, in the order in which they ran.
    pub cases: Vec<Case>,
}

impl Report {
    pub(super) fn new(component: &str, world: &'static str) -> Self {
        Self { component: component.to_owned(), world, cases: Vec::new() }
    }

    pub(super) fn add(&mut self, contract: impl Into<String>, verdict: Verdict, time: Duration) {
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.cases.push(Case { contract: contract.into(), verdict, time_ms });
    }

    /// Whether no case failed, and any passed.
    pub fn passed(&self) -> bool {
        self.count(|verdict| *verdict == Verdict::Passed) > 0 && self.failed() == 0
    }

    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| wanted(&case.verdict)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} against the contract of {}:", self.component, self.world)?;
        for Case { contract, verdict, time_ms } in &self.cases {
            match verdict {
                Verdict::Passed => writeln!(f, "  ok            {contract} ({time_ms} ms)")?,
                Verdict::NotPromised => writeln!(f, "  not promised  {contract}")?,
                Verdict::NotTried(why) => writeln!(f, "  not tried     {contract}: {why}")?,
                Verdict::Failed(seen) => writeln!(f, "  FAILED        {contract}\n                seen: {seen}")?,
            }
        }
        let passed = self.count(|verdict| *verdict == Verdict::Passed);
        write!(f, "{passed} passed, {} failed", self.failed())
    }
}
