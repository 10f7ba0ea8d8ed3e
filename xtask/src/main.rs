//! The project's own commands, run as `cargo xtask COMMAND`: what CI calls, and what a developer calls instead of
//! remembering how CI does it.
//!
//! | Command | What it does |
//! |---|---|
//! | `test [FILTER]` | installs what the tests need, lints, and runs every test |
//! | `lint` | only the lints: format, clippy, licences |
//! | `guests` | builds the components that are written in Rust here, and prints their folder |
//! | `tools` | installs the tools and prints the variables by which tests find them |
//! | `conformance SUITE` | runs the official conformance suite in three profiles |
//! | `bench` | measures the server beside its peers |

mod bench;
mod conformance;
mod guests;
mod lint;
mod process;
mod python;
mod server;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, test and measure Wharf")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need, lint, and run every test
    Test(test::Args),
    /// Check format, clippy's lints and the licences of the dependencies
    Lint,
    /// Build our own plugins and the tests' guests, and print the folder of the components
    Guests(guests::Args),
    /// Install the tools that the tests use and print their variables, for `eval "$(cargo xtask tools)"`
    Tools,
    /// Run the official OCI conformance suite against a fresh server in each of three profiles
    Conformance(conformance::Args),
    /// Measure the server beside its peers
    Bench(bench::Args),
}

fn main() -> ExitCode {
    process::start_clock();
    let outcome = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Lint => lint::run(),
        Command::Guests(args) => guests::run(&args),
        Command::Tools => tools::install().map(|toolbox| print!("{}", toolbox.as_shell())),
        Command::Conformance(args) => conformance::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
