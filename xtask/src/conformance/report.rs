//! What the suite prints, read back: a tree of cases with their outcomes, then the totals.

use std::fmt::Write;

/// The outcomes that count against a server.
const FAULTS: [&str; 3] = ["FAIL", "Error", "Skip"];

/// The counts and the bad cases of one run.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Report {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Left out by the profile, not by the server.
    disabled: u64,
    bad_cases: Vec<Case>,
}

#[derive(Debug, PartialEq)]
struct Case {
    name: String,
    outcome: String,
    reasons: Vec<String>,
}

/// One line of the tree: how deep it stands, the case's full name, and its outcome.
struct TreeLine<'a> {
    depth: usize,
    name: &'a str,
    outcome: &'a str,
}

impl<'a> TreeLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let text = line.trim_start();
        let (name, outcome) = text.rsplit_once(": ")?;
        let is_outcome = FAULTS.contains(&outcome) || ["Pass", "Disabled", "Unknown"].contains(&outcome);
        let depth = line.len() - text.len();
        (is_outcome && name.starts_with("OCI Conformance Test")).then_some(Self { depth, name, outcome })
    }
}

impl Report {
    /// Reads the suite's output; `None` if it has no totals.
    pub(crate) fn parse(output: &str) -> Option<Self> {
        let (tree, totals) = output.split_once("OCI Conformance Result: ")?;
        let mut report = Self { bad_cases: bad_cases(tree), ..Self::default() };
        let mut total = 0;
        for line in totals.lines().skip(1).take_while(|line| !line.is_empty()) {
            let (name, count) = line.split_once(": ")?;
            let count: u64 = count.trim().parse().ok()?;
            match name.trim().trim_end_matches('.') {
                "Pass" => report.passed = count,
                "FAIL" | "Error" => report.failed += count,
                "Skip" => report.skipped = count,
                "Disabled" => report.disabled = count,
                "Total" => total = count,
                _ => return None,
            }
        }
        (total > 0).then_some(report)
    }

    /// How many cases failed or were skipped.
    pub(crate) fn faults(&self) -> u64 {
        self.failed + self.skipped
    }

    /// The counts on one line, and below it every case that failed or was skipped with the suite's reasons.
    pub(crate) fn shown(&self, profile: &str) -> String {
        let Self { passed, failed, skipped, disabled, .. } = self;
        let mut text = format!("{profile:>4}: {passed} passed, {failed} failed, {skipped} skipped");
        if *disabled > 0 {
            let _ = write!(text, " ({disabled} not in the profile)");
        }
        text.push('\n');
        for case in &self.bad_cases {
            let _ = writeln!(text, "      {}: {}", case.outcome, case.name);
            for reason in &case.reasons {
                let _ = writeln!(text, "        {reason}");
            }
        }
        text
    }
}

/// The leaves of the tree that count against the server. A branch has the worst outcome below it and is left out.
fn bad_cases(tree: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = tree.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(TreeLine { depth, name, outcome }) = TreeLine::parse(line) else { continue };
        let mut reasons = Vec::new();
        while let Some(reason) = lines.next_if(|line| TreeLine::parse(line).is_none()) {
            let reason = reason.trim().trim_start_matches("- ");
            if !reason.is_empty() {
                reasons.push(reason.to_owned());
            }
        }
        let next = lines.peek().and_then(|line| TreeLine::parse(line));
        let is_leaf = next.is_none_or(|next| next.depth <= depth);
        if is_leaf && FAULTS.contains(&outcome) {
            cases.push(Case { name: name.to_owned(), outcome: outcome.to_owned(), reasons });
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
Test results
OCI Conformance Test: FAIL
  OCI Conformance Test/ping: Pass
  OCI Conformance Test/sha256 blobs: FAIL
    OCI Conformance Test/sha256 blobs/mount anonymous: Skip
     - registry returned status 202
    OCI Conformance Test/sha256 blobs/stream: FAIL
     - blob put failed: unexpected status
       received 500
    OCI Conformance Test/sha256 blobs/post cancel: Disabled

Configuration:
  registry: 127.0.0.1:5000

OCI Conformance Result: FAIL
  Disabled......................:          1
  Skip..........................:          1
  Pass..........................:        703
  FAIL..........................:          1
  Error.........................:          2
  Total.........................:        708

API conformance:
";

    #[test]
    fn totals_and_bad_leaves_are_read() {
        let report = Report::parse(OUTPUT).unwrap_or_default();
        assert_eq!((report.passed, report.failed, report.skipped, report.disabled), (703, 3, 1, 1));
        assert_eq!(report.faults(), 4);
        let names: Vec<&str> = report.bad_cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(
            names,
            ["OCI Conformance Test/sha256 blobs/mount anonymous", "OCI Conformance Test/sha256 blobs/stream"]
        );
        let reasons = report.bad_cases.last().map(|case| case.reasons.clone()).unwrap_or_default();
        assert_eq!(reasons, ["blob put failed: unexpected status", "received 500"]);
        assert!(report.shown("1.1").starts_with(" 1.1: 703 passed, 3 failed, 1 skipped (1 not in the profile)\n"));
    }

    #[test]
    fn an_output_without_totals_is_no_result() {
        assert_eq!(Report::parse("failed to load config\n"), None);
        assert_eq!(Report::parse("OCI Conformance Result: Pass\n\n"), None);
    }
}
