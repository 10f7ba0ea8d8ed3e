//! `wharf plugin list`.

use clap::Args;
use http::Method;

use super::client::Client;
use super::{Failure, Server};
use crate::cli::Name;
use crate::plugin::admin::Listed;

/// What to list.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, name: Name) -> Result<String, Failure> {
    let plugins: Vec<Listed> = Client::of(&arguments.server, name)?.ask(Method::GET, "/plugins", &())?;
    if arguments.json {
        return serde_json::to_string_pretty(&plugins).map(|text| text + "\n").map_err(Failure::from);
    }
    if plugins.is_empty() {
        return Ok("this server has no plugins\n".to_owned());
    }
    Ok(plugins.iter().map(shown).collect())
}

/// A paragraph: tables are too narrow for digests and files.
fn shown(plugin: &Listed) -> String {
    let state = if plugin.failing { "out of service: it kept failing" } else { "in service" };
    let previous = match &plugin.previous {
        Some(digest) => format!("  before     {digest} (wharf plugin rollback {})\n", plugin.name),
        None => String::new(),
    };
    format!(
        "{}\n  world      {}\n  state      {state}, version {}, loaded {}\n  component  {}\n             {}\n{previous}  \
         instances  {}, {} now ({} idle), each started in {} µs\n",
        plugin.name,
        plugin.world,
        plugin.version,
        plugin.loaded_at,
        plugin.source,
        plugin.digest,
        plugin.instances_are,
        plugin.instances,
        plugin.idle,
        plugin.start_micros,
    )
}
