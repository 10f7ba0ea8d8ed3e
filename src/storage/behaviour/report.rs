//! What the suite found.

use std::fmt;
use std::time::Duration;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The promise holds.
    Passed,
    /// The backend does not make this promise.
    NotPromised,
    /// It does not hold; the sentence says what happened.
    Failed(String),
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    /// The promise.
    pub name: &'static str,
    /// Whether it holds.
    pub verdict: Verdict,
    /// How long the case took.
    pub time: Duration,
}

/// All cases of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The backend's name.
    pub backend: String,
    /// The cases, in the order in which they ran.
    pub cases: Vec<CaseReport>,
}

impl Report {
    pub(super) fn new(backend: &str) -> Self {
        Self { backend: backend.to_owned(), cases: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &'static str, verdict: Verdict, time: Duration) {
        self.cases.push(CaseReport { name, verdict, time });
    }

    /// Whether no case failed, and any ran.
    pub fn passed(&self) -> bool {
        let failed = |case: &CaseReport| matches!(case.verdict, Verdict::Failed(_));
        self.count(&Verdict::Passed) > 0 && !self.cases.iter().any(failed)
    }

    /// How many cases ended exactly so.
    pub fn count(&self, verdict: &Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == *verdict).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.backend)?;
        for case in &self.cases {
            let seconds = case.time.as_secs_f64();
            match &case.verdict {
                Verdict::Passed => writeln!(f, "  ok            {} ({seconds:.2} s)", case.name)?,
                Verdict::NotPromised => writeln!(f, "  not promised  {}", case.name)?,
                Verdict::Failed(why) => writeln!(f, "  FAILED        {}: {why}", case.name)?,
            }
        }
        Ok(())
    }
}
