//! `cargo xtask bench`: the server beside its peers.

use anyhow::{Result, bail};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A further registry to measure: its name, its binary and its configuration file
    #[arg(long = "peer", value_name = "NAME=BINARY:CONFIG")]
    peers: Vec<String>,
    /// Shorter runs: numbers to look at, not to publish
    #[arg(long)]
    quick: bool,
    /// Only the rows of the table whose name contains this
    #[arg(long, value_name = "ROW")]
    only: Option<String>,
}

/// Runs the measurements and prints the table.
pub(crate) fn run(args: &Args) -> Result<()> {
    let Args { peers: _, quick: _, only: _ } = args;
    bail!("the benchmark is not written yet")
}
