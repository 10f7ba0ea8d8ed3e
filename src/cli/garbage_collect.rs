//! `wharf garbage-collect`: frees the space that nothing needs any more.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args};

use super::output::{Lines, warn};
use super::serve::hooks;
use super::upkeep;
use crate::config::{Loaded, Period};
use crate::registry::gc::{GcEvent, GcOptions};

/// What the command takes. The switches may be written `--dry-run=true`, as `distribution` lets them be.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file that the server runs with; chosen as `serve` chooses it when absent
    pub(super) config: Option<PathBuf>,
    /// Only report what would be deleted
    #[arg(short, long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_possible_values = true)]
    dry_run: bool,
    /// Delete manifests, too, that no tag leads to
    #[arg(short = 'm', long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_possible_values = true)]
    delete_untagged: bool,
    /// Print no progress
    #[arg(short, long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_possible_values = true)]
    quiet: bool,
    /// Keep what was written less than this ago, such as "2h", although nothing needs it yet
    #[arg(long, value_name = "TIME", default_value = "0s")]
    grace: Period,
}

/// Collects once.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments) -> ExitCode {
    let options = GcOptions {
        dry_run: arguments.dry_run,
        delete_untagged: arguments.delete_untagged,
        grace: arguments.grace.get(),
    };
    let quiet = arguments.quiet;
    upkeep::run(loaded, !options.dry_run, async move |registry| {
        let mut lines = Lines::new();
        let mut report = |event: GcEvent<'_>| match event {
            GcEvent::Warning { .. } => warn(event),
            _ if quiet => {}
            _ => lines.print(event),
        };
        let collected = registry.collect_garbage(options, &mut report).await;
        lines.finish()?;
        match collected {
            Ok(outcome) => {
                if !options.dry_run
                    && let Err(error) = hooks::tell_collected(&loaded.config, &outcome).await
                {
                    warn(format_args!("notification hooks were not told of the collection: {error}"));
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => Err(format!("the collection ended early, and can be run again: {error}")),
        }
    })
}
