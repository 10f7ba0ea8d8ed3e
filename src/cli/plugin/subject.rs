//! The component that `wharf plugin test` and `wharf plugin run` try, and what it is given.

use std::path::{Path, PathBuf};

use clap::Args;
use wasmparser::{Parser, Payload};

use super::Failure;
use crate::config::plugin::{Directory, Grants, Plugin, Plugins};
use crate::config::value::Period;
use crate::plugin::auth::AuthWorld;
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
    /// How long one call may take
    #[arg(long, value_name = "TIME", default_value = "10s")]
    call_time_max: Period,
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
        plugin.grants = self.granted()?;
        plugin.limits.call_time_max = self.call_time_max;
        let folder = Folder(std::env::temp_dir().join(format!("wharf-plugin-{}", std::process::id())));
        folder.stand_in(&manifest, &mut plugin.grants)?;
        let host = Host::new(&Plugins::default(), Metrics::new().plugins());
        let is_layer = imports.iter().any(|name| name.starts_with("wharf:storage/backend"));
        Ok(Ready { kind, plugin, host, is_layer, _folder: folder })
    }

    fn granted(&self) -> Result<Grants, Failure> {
        let Some(grants) = &self.grants else { return Ok(Grants::default()) };
        let text = match Path::new(grants).is_file() {
            true => std::fs::read_to_string(grants).map_err(|error| Failure::Said(format!("{grants}: {error}")))?,
            false => grants.clone(),
        };
        toml::from_str(&text).map_err(|error| Failure::Said(format!("--grants: {error}")))
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
