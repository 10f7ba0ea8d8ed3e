//! The component that `wharf plugin test` and `wharf plugin run` try, and what it is given.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::de::DeserializeOwned;
use wasmparser::{Parser, Payload};

use super::Failure;
use crate::config::plugin::{Directory, Grants, Plugin, PluginLimits, Plugins};
use crate::config::value::{ByteSize, Period};
use crate::plugin::auth::AuthWorld;
use crate::plugin::kit::auth::table::Table;
use crate::plugin::manifest::Manifest;
use crate::plugin::notify::HookWorld;
use crate::plugin::storage::StorageWorld;
use crate::plugin::{Host, World};
use crate::telemetry::metrics::Metrics;

/// A component, and what it is given.
#[derive(Debug, Args)]
pub(super) struct Subject {
    /// The component
    pub(super) file: PathBuf,
    /// A key of its configuration; can be given several times
    #[arg(long = "config", short, value_name = "KEY=VALUE")]
    config: Vec<String>,
    /// What it may reach: a TOML file that looks like the section `grants`, or such a text itself (hosts = ["127.0.0.1:8080"]).
    /// A directory or a key-value namespace that it asks for and that is not granted here is an empty one, for this run only
    #[arg(long, value_name = "FILE|TOML")]
    grants: Option<String>,
    #[command(flatten)]
    limits: Limits,
}

/// Under which limits it runs. What is not named here has the value that a server has by default.
#[derive(Debug, Args)]
struct Limits {
    /// How long one call may take [default: 10s]
    #[arg(long, value_name = "TIME")]
    call_time_max: Option<Period>,
    /// How long making an instance and its `init` may take [default: 10s]
    #[arg(long, value_name = "TIME")]
    start_time_max: Option<Period>,
    /// How long compiling it may take; compiled code is kept, so it is the first time that counts [default: 60s]
    #[arg(long, value_name = "TIME")]
    compile_time_max: Option<Period>,
    /// Memory of one instance [default: 128MiB]
    #[arg(long, value_name = "SIZE")]
    memory_bytes_max: Option<ByteSize>,
    /// Any limit: a TOML file that looks like the section `limits`, or such a text itself (resources_max = 4096)
    #[arg(long, value_name = "FILE|TOML")]
    limits: Option<String>,
}

impl Limits {
    /// All of them.
    fn all(&self) -> Result<PluginLimits, Failure> {
        let mut all: PluginLimits = section("--limits", self.limits.as_deref())?;
        all.call_time_max = self.call_time_max.unwrap_or(all.call_time_max);
        all.start_time_max = self.start_time_max.unwrap_or(all.start_time_max);
        all.compile_time_max = self.compile_time_max.unwrap_or(all.compile_time_max);
        all.memory_bytes_max = self.memory_bytes_max.unwrap_or(all.memory_bytes_max);
        Ok(all)
    }
}

/// A section of a configuration, from a file or from the text that stands in its place.
fn section<T: Default + DeserializeOwned>(option: &str, given: Option<&str>) -> Result<T, Failure> {
    let Some(given) = given else { return Ok(T::default()) };
    let text = match Path::new(given).is_file() {
        true => std::fs::read_to_string(given).map_err(|error| Failure::Said(format!("{given}: {error}")))?,
        false => given.to_owned(),
    };
    toml::from_str(&text).map_err(|error| Failure::Said(format!("{option}: {error}")))
}

/// The worlds of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Storage,
    Auth,
    Hook,
}

/// A component that is ready to be tried.
pub(super) struct Ready {
    pub(super) kind: Kind,
    pub(super) plugin: Plugin,
    pub(super) host: Host,
    /// Whether it stands before another backend.
    pub(super) is_layer: bool,
    /// Removed at the end.
    _folder: Folder,
}

impl Subject {
    /// Reads the component and what it asks for.
    pub(super) fn ready(&self) -> Result<Ready, Failure> {
        let shown = self.file.display();
        let bytes = std::fs::read(&self.file).map_err(|error| Failure::Said(format!("{shown}: {error}")))?;
        let (imports, exports) = interfaces(&bytes);
        let known =
            [(StorageWorld::EXPORT, Kind::Storage), (AuthWorld::EXPORT, Kind::Auth), (HookWorld::EXPORT, Kind::Hook)];
        let kind = known.iter().find(|(export, _)| exports.iter().any(|name| name == export)).map(|(_, kind)| *kind);
        let Some(kind) = kind else { return Err(Failure::Said(unknown(&self.file, &exports))) };
        let manifest = Manifest::of(&bytes).map_err(Failure::Said)?;
        let mut plugin = Plugin { component: self.file.display().to_string(), ..Plugin::default() };
        for pair in &self.config {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::Said(format!("--config {pair}: write KEY=VALUE")));
            };
            plugin.config.insert(key.to_owned(), value.into());
        }
        plugin.grants = section("--grants", self.grants.as_deref())?;
        plugin.limits = self.limits.all()?;
        let folder = Folder(std::env::temp_dir().join(format!("wharf-plugin-{}", std::process::id())));
        folder.stand_in(&manifest, &mut plugin.grants)?;
        let host = Host::new(&Plugins::default(), Metrics::new().plugins());
        let is_layer = imports.iter().any(|name| name.starts_with("wharf:storage/backend"));
        Ok(Ready { kind, plugin, host, is_layer, _folder: folder })
    }

    /// The author's requests: a file that was named, or `plugin-tests.toml` beside the component; none when there is none.
    pub(super) fn table(&self, named: Option<&Path>) -> Result<Table, Failure> {
        let beside = self.file.with_file_name("plugin-tests.toml");
        let path = match named {
            Some(path) => path,
            None if beside.is_file() => &beside,
            None => return Ok(Table::default()),
        };
        let said = |error: &dyn std::fmt::Display| Failure::Said(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| said(&error))?;
        Table::parse(&text).map_err(|error| said(&error))
    }
}

impl Ready {
    /// The plugin with the configuration for which a table is written; what stands on the command line counts before it.
    pub(super) fn under(&self, table: &Table) -> Plugin {
        let mut plugin = self.plugin.clone();
        for (key, value) in &table.config {
            plugin.config.entry(key.clone()).or_insert_with(|| value.clone());
        }
        plugin
    }
}

fn unknown(file: &Path, exports: &[String]) -> String {
    let known = [StorageWorld::EXPORT, AuthWorld::EXPORT, HookWorld::EXPORT].join(", ");
    let found = if exports.is_empty() { "nothing, or is no component".to_owned() } else { exports.join(", ") };
    format!("{}: exports {found}; a plugin for this server exports one of {known}", file.display())
}

/// What a component imports and exports, by name.
fn interfaces(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 1 => {
                imports.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            Ok(Payload::ComponentExportSection(section)) if depth == 1 => {
                exports.extend(section.into_iter().flatten().map(|export| export.name.name.to_owned()));
            }
            Ok(_) => {}
            // What is damaged is told when it is loaded.
            Err(_) => break,
        }
    }
    (imports, exports)
}

/// A folder that lives as long as this.
struct Folder(PathBuf);

impl Folder {
    /// Gives the component what it asks for and what costs nobody anything: empty directories, and key-value namespaces.
    fn stand_in(&self, manifest: &Manifest, grants: &mut Grants) -> Result<(), Failure> {
        for (number, asked) in manifest.asks.directories.iter().enumerate() {
            if grants.directories.iter().any(|granted| granted.guest == asked.path) {
                continue;
            }
            let path = self.0.join(number.to_string());
            std::fs::create_dir_all(&path).map_err(Failure::from)?;
            grants.directories.push(Directory { path, guest: asked.path.clone(), write: asked.write });
        }
        let mut namespaces = grants.keyvalue.to_vec();
        namespaces.extend(manifest.asks.keyvalue.iter().filter(|name| !grants.keyvalue.contains(name)).cloned());
        grants.keyvalue = namespaces.into_iter().collect();
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.0.exists()
            && let Err(error) = std::fs::remove_dir_all(&self.0)
        {
            eprintln!("warning: {} could not be removed: {error}", self.0.display());
        }
    }
}
