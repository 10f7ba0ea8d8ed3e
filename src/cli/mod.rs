//! The command line: one file per command.

pub mod config;
pub mod garbage_collect;
mod output;
pub mod plugin;
pub mod purge_uploads;
pub mod serve;
pub mod storage;
mod upkeep;
pub mod verify;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

use crate::config::Loaded;

/// By which name the program was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// Its own, or any other.
    Wharf,
    /// `registry`, the name of the program that it can stand in for.
    Registry,
}

/// An OCI registry
#[derive(Debug, Parser)]
#[command(name = "wharf", version, disable_version_flag = true, arg_required_else_help = true)]
struct Arguments {
    /// Print the version
    #[arg(short = 'V', short_alias = 'v', long, action = ArgAction::Version)]
    version: (),
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the registry
    Serve {
        /// TOML file, or a config.yml of distribution; $REGISTRY_CONFIGURATION_PATH when absent, else built-in defaults
        config: Option<PathBuf>,
    },
    /// Delete blobs that no manifest uses. No upload may run meanwhile
    GarbageCollect(garbage_collect::Arguments),
    /// Remove uploads that nobody has finished
    PurgeUploads(purge_uploads::Arguments),
    /// Read everything that can be pulled, and say what is missing or damaged
    Verify(verify::Arguments),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Look after the plugins of a running server
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Try out where the data lies
    #[command(subcommand)]
    Storage(storage::Command),
}

/// Runs the command that the arguments name, the program's own name first among them.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let name = called_as(arguments.first());
    if arguments.get(1).is_some_and(|first| is_configuration_file(Path::new(first))) {
        // What the entry script of the images does: a file alone means "serve it".
        arguments.insert(1, OsString::from("serve"));
    }
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let with = |config, run: &dyn Fn(Loaded) -> ExitCode| match config::load_or_explain(config, name) {
        Ok(loaded) => run(loaded),
        Err(code) => code,
    };
    match parsed.command {
        Command::Serve { config } => with(config, &serve::run),
        Command::GarbageCollect(how) => with(how.config.clone(), &|loaded| garbage_collect::run(&loaded, &how)),
        Command::PurgeUploads(how) => with(how.config.clone(), &|loaded| purge_uploads::run(&loaded, &how)),
        Command::Verify(how) => with(how.config.clone(), &|loaded| verify::run(&loaded, &how)),
        Command::Config(command) => config::run(command, name),
        Command::Plugin(command) => plugin::run(command, name),
        Command::Storage(command) => storage::run(command, name),
    }
}

fn called_as(program: Option<&OsString>) -> Name {
    match program.and_then(|program| Path::new(program).file_name()) {
        Some(name) if name == "registry" => Name::Registry,
        _ => Name::Wharf,
    }
}

fn is_configuration_file(argument: &Path) -> bool {
    argument.extension().is_some_and(|extension| ["yml", "yaml", "toml"].iter().any(|known| extension == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn knows_by_which_name_it_was_called() {
        assert_eq!(called_as(Some(&"/bin/registry".into())), Name::Registry);
        assert_eq!(called_as(Some(&"/usr/bin/wharf".into())), Name::Wharf);
        assert_eq!(called_as(None), Name::Wharf);
    }

    #[test]
    fn knows_what_is_a_configuration_file() {
        assert!(is_configuration_file(Path::new("/etc/x.yml")));
        assert!(!is_configuration_file(Path::new("serve")));
        assert!(!is_configuration_file(Path::new("--version")));
    }
}
