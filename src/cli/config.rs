//! `wharf config`: what the configuration says, before a server runs with it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::Name;
use crate::config::{Inputs, Loaded, json_schema, load, to_toml};

/// The commands of `wharf config`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print every mistake and every warning; exit with 1 if there are mistakes
    Check {
        /// The file; chosen as `serve` chooses it when absent
        config: Option<PathBuf>,
    },
    /// Print the effective configuration as TOML: defaults filled in, variables applied, secrets hidden
    Show {
        /// The file; chosen as `serve` chooses it when absent
        config: Option<PathBuf>,
    },
    /// Print the schema as JSON Schema (draft 2020-12)
    Schema,
}

/// Reads the configuration for a command; its mistakes go to standard error and end the command.
pub(super) fn load_or_explain(argument: Option<PathBuf>, name: Name) -> Result<Loaded, ExitCode> {
    load(&Inputs::of_process(argument, name == Name::Registry)).map_err(|report| {
        eprint!("{report}");
        ExitCode::FAILURE
    })
}

/// Runs one of them.
pub(super) fn run(command: Command, name: Name) -> ExitCode {
    match command {
        Command::Check { config } => match load_or_explain(config, name) {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    eprintln!("warning: {warning}");
                }
                crate::cli::output::print(&format!("{}: no mistakes\n", loaded.source))
            }
            Err(code) => code,
        },
        Command::Show { config } => match load_or_explain(config, name) {
            Ok(loaded) => show(&loaded),
            Err(code) => code,
        },
        Command::Schema => crate::cli::output::print(&format!("{:#}\n", json_schema())),
    }
}

fn show(loaded: &Loaded) -> ExitCode {
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    match to_toml(&loaded.config) {
        Ok(text) => crate::cli::output::print(&format!("# {}\n{text}", loaded.source)),
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}
