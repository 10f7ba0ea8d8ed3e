//! `wharf verify`: reads everything that can be pulled, and says what is missing or damaged.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output::Lines;
use super::upkeep;
use crate::config::Loaded;
use crate::registry::verify::VerifyEvent;

/// What the command takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file that the server runs with; chosen as `serve` chooses it when absent
    pub(super) config: Option<PathBuf>,
    /// Print only what is wrong
    #[arg(short, long)]
    quiet: bool,
}

/// Verifies once. Fails when something is wrong.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments) -> ExitCode {
    let quiet = arguments.quiet;
    upkeep::run(loaded, false, async move |registry| {
        let mut lines = Lines::new();
        let mut report = |event: VerifyEvent<'_>| {
            if !quiet || matches!(event, VerifyEvent::Problem { .. }) {
                lines.print(event);
            }
        };
        let verified = registry.verify(&mut report).await;
        if let (Ok(outcome), false) = (&verified, quiet) {
            let (blobs, bytes, problems) = (outcome.blobs, outcome.bytes, outcome.problems);
            lines.print(format_args!("\n{blobs} blobs read, {bytes} bytes, {problems} problems"));
        }
        lines.finish()?;
        match verified {
            Ok(outcome) if outcome.problems == 0 => Ok(ExitCode::SUCCESS),
            Ok(_) => Ok(ExitCode::FAILURE),
            Err(error) => Err(format!("the verification ended early: {error}")),
        }
    })
}
