//! `wharf plugin inspect`: what a component is, what it asks for, and what it would get.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::cli::Name;
use crate::config::plugin::PluginLimits;
use crate::config::{Inputs, load};
use crate::plugin::inspect::{Description, Report};

/// What to inspect.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The component
    file: PathBuf,
    /// A configuration; tells what the component would get in it
    #[arg(long, short, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// The plugin of the configuration in whose place it would be; needed when there are several
    #[arg(long, value_name = "NAME", requires = "config")]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, name: Name) -> Result<String, Failure> {
    let file = arguments.file.display().to_string();
    let said = |problem: String| Failure::Said(format!("{file}: {problem}"));
    let bytes = read(&arguments.file).map_err(said)?;
    let mut report = Report::new(&file, Description::read(&bytes).map_err(said)?);
    if let Some(config) = &arguments.config {
        report = configured(report, config, arguments.name.as_deref(), name)?;
    }
    if arguments.json {
        return serde_json::to_string_pretty(&report).map(|text| text + "\n").map_err(Failure::from);
    }
    Ok(report.to_string())
}

fn configured(report: Report, config: &Path, wanted: Option<&str>, name: Name) -> Result<Report, Failure> {
    let inputs = Inputs::of_process(Some(config.to_path_buf()), name == Name::Registry);
    let loaded = load(&inputs).map_err(|report| {
        eprint!("{report}");
        Failure::Told
    })?;
    let places = loaded.config.plugins_by_place();
    let names = || places.iter().map(|place| place.name.as_str()).collect::<Vec<_>>().join(", ");
    let place = match (wanted, places.as_slice()) {
        (_, []) => return Err(Failure::Said(format!("{} configures no plugin", config.display()))),
        (None, [only]) => only,
        (None, _) => {
            return Err(Failure::Said(format!(
                "{} configures several plugins; say which one by --name: {}",
                config.display(),
                names()
            )));
        }
        (Some(wanted), places) => places.iter().find(|place| place.name == wanted).ok_or_else(|| {
            Failure::Said(format!("{} configures no plugin {wanted:?}; there is {}", config.display(), names()))
        })?,
    };
    let file = report.file.clone();
    let told = |problems: Vec<String>| Failure::Said(format!("{file}: {}", problems.join("\n")));
    report.with_configuration(&place.name, place.plugin).map_err(told)
}

/// Reads a file of a size that a component may have.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let max = PluginLimits::default().component_bytes_max.get();
    let opened = File::open(file).map_err(|error| format!("can't be read: {error}"))?;
    let mut bytes = Vec::new();
    opened.take(max + 1).read_to_end(&mut bytes).map_err(|error| format!("can't be read: {error}"))?;
    if bytes.len() as u64 > max {
        return Err(format!("is larger than {max} bytes; no component is"));
    }
    Ok(bytes)
}
