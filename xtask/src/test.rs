//! `cargo xtask test [FILTER]`: everything that must hold before a change is taken.
//!
//! The tests are told where the tools are by these variables (and have their folders in front of `PATH`):
//!
//! | Variable | Program |
//! |---|---|
//! | `WHARF_TOOL_SKOPEO` | Debian's skopeo |
//! | `WHARF_TOOL_CRANE` | crane, at the version pinned in `tools.rs` |
//! | `WHARF_TOOL_REGCTL` | regctl, at the version pinned in `tools.rs` |
//! | `WHARF_TOOL_DISTRIBUTION` | `registry` of distribution v3.1.1 |
//! | `WHARF_TOOL_DOCKER_REGISTRY` | Debian's docker-registry, distribution 2.8 |
//! | `WHARF_TOOL_NGINX` | nginx |
//! | `WHARF_TOOL_HTPASSWD` | htpasswd |
//! | `WHARF_TOOL_APACHE` | Apache's server |
//! | `WHARF_TOOL_REDIS_SERVER` | Debian's redis-server; redis-cli comes with it |
//! | `WHARF_TOOL_EXIM` | exim, a mail server |
//! | `WHARF_TOOL_NODE` | node |
//! | `WHARF_TOOL_OIDC_PROVIDER` | the folder of the package oidc-provider for node |
//! | `WHARF_TOOL_JCO` | jco, which makes components of JavaScript |
//! | `WHARF_TOOL_COMPONENTIZE_PY` | componentize-py, which makes components of Python; in its folder is a python3 that has zig, for C |
//! | `WHARF_TOOL_VERSITYGW`, `WHARF_TOOL_MINIO`, `WHARF_TOOL_S3RVER` | servers that speak S3, the last one badly |
//! | `WHARF_TOOL_AZURITE` | azurite-blob, Microsoft's stand-in for Azure Blob Storage |
//! | `WHARF_TOOL_FAKE_GCS` | fake-gcs-server, a stand-in for Google Cloud Storage |
//! | `WHARF_TOOL_SWIFT` | a python3 that has OpenStack Swift |
//! | `WHARF_TOOL_OSS_SDK` | a python3 that has Alibaba's own client of OSS |
//! | `WHARF_TOOL_DOCKER` | the docker client; set only where the machine has one |
//!
//! `WHARF_GUESTS` is the folder of the components that `cargo xtask guests` builds.
//!
//! The server under test is the binary that the same `cargo test` built (`CARGO_BIN_EXE_wharf`).

use crate::process::{cargo, kill_group, run as run_command, say};
use crate::tools::{self, Toolbox};
use crate::{guests, lint};
use anyhow::{Context, Result, anyhow, bail};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long all the tests may take. They need 8 to 10 minutes on two processors; a run that hangs is to tell who hangs before
/// CI, which tells nothing, ends it.
const RUN_TIME_MAX: Duration = Duration::from_secs(40 * 60);

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run only tests whose name contains this, and no lints
    filter: Option<String>,
}

/// Runs the lints and the tests.
///
/// # Errors
/// When a tool cannot be had, a lint finds something, a test fails or does not end, or no test matched the filter.
pub(crate) fn run(args: &Args) -> Result<()> {
    // Downloads and Go's compiler on one thread, cargo on the other: each leaves the second core idle half of the time.
    let tools = thread::spawn(|| Ok((tools::install()?, guests::build()?)));
    if args.filter.is_none() {
        lint::run()?;
        guests::test()?;
    }
    say("tests: building");
    run_command(&mut cargo(&["test", "--workspace", "--locked", "--no-run"])?)?;
    let (toolbox, components) = joined(tools)?;
    say("tests: running");
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])?;
    command.args(args.filter.iter());
    toolbox.equip(&mut command)?;
    command.env(guests::FOLDER_VARIABLE, components);
    let tally = Tally::of(&mut command, RUN_TIME_MAX)?;
    tally.judge()
}

fn joined(tools: JoinHandle<Result<(Toolbox, PathBuf)>>) -> Result<(Toolbox, PathBuf)> {
    if !tools.is_finished() {
        say("tests: waiting for the tools and the guests");
    }
    tools.join().map_err(|_| anyhow!("the thread that installs the tools panicked"))?
}

/// What the test runner's own lines add up to.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    failures: Vec<String>,
    /// Those that said that they take long, and have not ended since.
    hanging: Vec<String>,
    /// Whether `cargo test` itself exited with 0.
    finished_well: bool,
}

impl Tally {
    /// Runs `cargo test`, passes its output on, and counts.
    ///
    /// # Errors
    /// When it does not end within `limit`; it has then been killed, with everything that it had started.
    fn of(command: &mut Command, limit: Duration) -> Result<Self> {
        let command = command.process_group(0).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start cargo test")?;
        let stdout = child.stdout.take().context("cargo test has no standard output")?;
        let (sender, lines) = mpsc::channel();
        // On another thread, because a read waits for as long as nothing is printed.
        thread::spawn(move || BufReader::new(stdout).split(b'\n').try_for_each(|line| sender.send(line)));
        let (deadline, mut tally) = (Instant::now() + limit, Self::default());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) if !left.is_zero() => {
                    let line = line.context("cannot read what cargo test prints")?;
                    let line = String::from_utf8_lossy(&line);
                    println!("{line}");
                    tally.count(&line);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(_) | Err(RecvTimeoutError::Timeout) => {
                    kill_group(&mut child)?;
                    return Err(tally.out_of_time(limit));
                }
            }
        }
        tally.finished_well = child.wait()?.success();
        Ok(tally)
    }

    fn count(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, " passed");
            self.failed += number_before(result, " failed");
            self.ignored += number_before(result, " ignored");
        } else if let Some(test) = line.strip_prefix("test ") {
            if let Some(name) = test.strip_suffix(" has been running for over 60 seconds") {
                self.hanging.push(name.to_owned());
            } else if let Some((name, outcome)) = test.rsplit_once(" ... ") {
                self.hanging.retain(|hanging| hanging != name);
                self.failures.extend((outcome == "FAILED").then(|| name.to_owned()));
            }
        }
    }

    fn out_of_time(&self, limit: Duration) -> anyhow::Error {
        let names = match &self.hanging[..] {
            [] => "none that had run for a minute".to_owned(),
            names => names.join(", "),
        };
        anyhow!("the tests were not done after {} s and have been killed; still running: {names}", limit.as_secs())
    }

    fn judge(&self) -> Result<()> {
        for name in &self.failures {
            println!("failed: {name}");
        }
        println!("total: {} passed, {} failed, {} skipped", self.passed, self.failed, self.ignored);
        if self.failed > 0 || !self.finished_well {
            bail!("the tests failed");
        }
        if self.passed == 0 {
            bail!("no test ran: does the filter match a test's name?");
        }
        Ok(())
    }
}

/// The number that stands right before `word` in a summary such as `ok. 12 passed; 0 failed; …`.
fn number_before(summary: &str, word: &str) -> u64 {
    let before = summary.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_several_binaries_add_up() {
        let mut tally = Tally::default();
        for line in [
            "test oci::digest::tests::parses ... ok",
            "test a_pull_is_whole ... FAILED",
            "test slow has been running for over 60 seconds",
            "test endless has been running for over 60 seconds",
            "test slow ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.50s",
        ] {
            tally.count(line);
        }
        let expected = Tally {
            passed: 15,
            failed: 1,
            ignored: 1,
            failures: vec!["a_pull_is_whole".to_owned()],
            hanging: vec!["endless".to_owned()],
            finished_well: false,
        };
        assert_eq!(tally, expected);
        assert!(tally.judge().is_err());
    }

    /// The second `sleep` holds the pipe, and is nobody's child when its parent is killed alone.
    #[test]
    fn a_run_that_does_not_end_is_killed_and_tells_what_hangs() {
        let script = "echo 'test endless has been running for over 60 seconds'; sleep 600 & sleep 600";
        let run = Tally::of(Command::new("sh").args(["-c", script]), Duration::from_millis(500));
        let error = run.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.ends_with("still running: endless"), "{error}");
    }

    #[test]
    fn a_run_without_any_test_is_a_failure() {
        assert!(Tally { finished_well: true, ..Tally::default() }.judge().is_err());
        assert!(Tally { finished_well: true, passed: 1, ..Tally::default() }.judge().is_ok());
    }
}
