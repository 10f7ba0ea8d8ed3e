//! `wharf plugin swap`.

use std::path::PathBuf;

use clap::Args;
use http::Method;

use super::client::Client;
use super::{Failure, Server};
use crate::cli::Name;
use crate::plugin::admin::{Exchanged, SwapRequest};

/// What to swap.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The plugin's name, as `wharf plugin list` shows it
    name: String,
    /// The new component, a file that the server can read or oci://host/repository@sha256:…; when absent, the one of the
    /// configuration is loaded again
    component: Option<String>,
}

pub(super) fn run(arguments: &Arguments, name: Name) -> Result<String, Failure> {
    let client = Client::of(&arguments.server, name)?;
    let component = arguments.component.as_deref().map(seen_by_server).transpose()?;
    let asked_for_file = component.is_some();
    let path = format!("/plugins/{}/swap", arguments.name);
    let exchanged: Exchanged = client.ask(Method::POST, &path, &SwapRequest { component })?;
    Ok(told(&exchanged, asked_for_file))
}

/// The server has another working directory.
fn seen_by_server(component: &str) -> Result<String, Failure> {
    if component.starts_with("oci://") {
        return Ok(component.to_owned());
    }
    let path = std::path::absolute(PathBuf::from(component)).map_err(Failure::from)?;
    match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Failure::Said(format!("{} is no UTF-8; rename it", path.display()))),
    }
}

/// What was done, for people.
pub(super) fn told(exchanged: &Exchanged, lasts_until_restart: bool) -> String {
    let Exchanged { name, to, version, millis, .. } = exchanged;
    if !exchanged.changed {
        return format!("{name}: {to} is in service already; nothing was done\n");
    }
    let compiled = match exchanged.compile_millis {
        Some(millis) => format!(", compiled in {millis} ms"),
        None => ", compiled before".to_owned(),
    };
    let lasting = if lasts_until_restart {
        "after a restart the component of the configuration is in service again: replace its file, or change the configuration\n"
    } else {
        ""
    };
    format!(
        "{name}: version {version} is in service after {millis} ms{compiled}\n  before  {}\n  now     {to}\n{lasting}",
        exchanged.from
    )
}
