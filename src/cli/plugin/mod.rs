//! `wharf plugin`: writes, builds and tests plugins, and looks after those of a running server.

mod build;
mod client;
mod hints;
mod inspect;
mod list;
mod new;
mod rollback;
mod run;
mod subject;
mod swap;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Name;

/// The commands of `wharf plugin`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the project of a new plugin
    New(new::Arguments),
    /// Build a plugin's project, and print the path of its component
    Build(build::Arguments),
    /// Tell what a component is, what it asks for, and what it would get
    Inspect(inspect::Arguments),
    /// List the plugins of a running server
    List(list::Arguments),
    /// Put another component into a running server, without a restart and without losing a request
    Swap(swap::Arguments),
    /// Put the component back that was in service before the last swap
    Rollback(rollback::Arguments),
    /// Test whether a component keeps the contract of its world
    Test(test::Arguments),
    /// Make one call of a component, from a request in JSON
    Run(run::Arguments),
}

/// How a running server is found.
#[derive(Debug, Args)]
struct Server {
    /// The server's configuration, which tells where its admin listener is; chosen as `serve` chooses it when absent
    #[arg(long, short, value_name = "CONFIG")]
    config: Option<PathBuf>,
}

/// Runs one of them.
pub(super) fn run(command: Command, name: Name) -> ExitCode {
    let outcome = match command {
        Command::New(arguments) => new::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments, name),
        Command::List(arguments) => list::run(&arguments, name),
        Command::Swap(arguments) => swap::run(&arguments, name),
        Command::Rollback(arguments) => rollback::run(&arguments, name),
        Command::Test(arguments) => test::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
    };
    match outcome {
        Ok(text) => crate::cli::output::print(&text),
        Err(Failure::Said(sentence)) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
        Err(Failure::Told) => ExitCode::FAILURE,
    }
}

/// Runs something that waits.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Said(format!("the system gives no threads: {error}")))?;
    Ok(runtime.block_on(work))
}

/// Why a command ended without success.
enum Failure {
    /// A sentence that is still to be printed.
    Said(String),
    /// What had to be said was printed already.
    Told,
}

impl Failure {
    fn from(error: impl std::fmt::Display) -> Self {
        Self::Said(error.to_string())
    }
}
