//! `wharf purge-uploads`: removes the uploads that nobody has finished, now.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use super::output::{Lines, warn};
use super::upkeep;
use crate::config::{Loaded, Period};
use crate::registry::uploads::{PurgedUpload, UnfinishedOutcome};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file that the server runs with; chosen as `serve` chooses it when absent
    pub(super) config: Option<PathBuf>,
    /// Purge uploads that began longer ago than this, such as "48h"; storage.maintenance.uploadpurging.age when absent
    #[arg(long, value_name = "TIME")]
    age: Option<Period>,
    /// Only report what would be purged
    #[arg(short, long)]
    dry_run: bool,
}

/// Purges once, whether or not the server does so as well.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments) -> ExitCode {
    let age = arguments.age.unwrap_or(loaded.config.storage.maintenance.uploadpurging.age).get();
    let dry_run = arguments.dry_run;
    upkeep::run(loaded, false, async move |registry| {
        let mut lines = Lines::new();
        let mut report = |upload: &PurgedUpload<'_>| {
            if let Some(error) = upload.failed {
                return warn(format_args!("{}: upload {}: {error}", upload.repository, upload.id));
            }
            let began = upload.started.map_or_else(|| "unknown".to_owned(), shown);
            lines.print(format_args!("{}: upload {} began {began}", upload.repository, upload.id));
        };
        let purged = registry.purge_uploads(age, dry_run, &mut report).await;
        if let Ok(outcome) = &purged {
            let what = if dry_run { "eligible for purging" } else { "purged" };
            lines.print(format_args!("\n{} uploads {what}, {} kept", outcome.purged, outcome.kept));
            let UnfinishedOutcome { purged, kept, .. } = outcome.unfinished;
            if purged + kept > 0 {
                lines.print(format_args!("{purged} unfinished writes {what}, {kept} kept"));
            }
        }
        lines.finish()?;
        match purged {
            Ok(outcome) if outcome.failed + outcome.unfinished.failed == 0 => Ok(ExitCode::SUCCESS),
            Ok(outcome) => Err(format!(
                "{} uploads and {} unfinished writes could not be purged",
                outcome.failed, outcome.unfinished.failed
            )),
            Err(error) => Err(format!("the purge ended early, and can be run again: {error}")),
        }
    })
}

fn shown(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "unknown".to_owned(), |time| format!("{time:.0}"))
}
