//! `wharf plugin rollback`.

use clap::Args;
use http::Method;

use super::client::Client;
use super::{Failure, Server, swap};
use crate::cli::Name;
use crate::plugin::admin::Exchanged;

/// What to roll back.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The plugin's name, as `wharf plugin list` shows it
    name: String,
}

pub(super) fn run(arguments: &Arguments, name: Name) -> Result<String, Failure> {
    let path = format!("/plugins/{}/rollback", arguments.name);
    let exchanged: Exchanged = Client::of(&arguments.server, name)?.ask(Method::POST, &path, &())?;
    Ok(swap::told(&exchanged, true))
}
