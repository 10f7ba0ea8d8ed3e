//! `cargo xtask guests`: builds the components that are written in Rust here, our own plugins (`plugins/*`) and the guests
//! of the tests (`plugins/fixtures/*`), into `<target folder>/guests/NAME.wasm`.
//!
//! A crate there that makes a `cdylib` is a component. Its `plugin.toml`, if it has one, goes into the component's custom
//! section `wharf-plugin`. What has not changed is not built again.

mod committed;
mod component;
mod toolchain;

use crate::process::{run as run_command, say, target_folder, workspace_root};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use toolchain::Toolchain;

pub(crate) use toolchain::missing_packages;

/// The variable by which tests find the components' folder.
pub(crate) const FOLDER_VARIABLE: &str = "WHARF_GUESTS";

/// A crate that becomes a component.
struct Guest {
    /// Its package's name, which the component gets.
    name: String,
    folder: PathBuf,
    /// The file among the sources that its component is committed as, if it is.
    committed: Option<PathBuf>,
}

/// Arguments of `cargo xtask guests`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write the components that the server carries to their place among the sources
    #[arg(long)]
    commit: bool,
}

/// Builds every component and prints their folder.
///
/// # Errors
/// As [`build`].
pub(crate) fn run(args: &Args) -> Result<()> {
    println!("{}", built(args.commit)?.display());
    Ok(())
}

/// Builds every component and returns their folder.
///
/// # Errors
/// When there is no compiler for them, one does not compile or is no valid component, or a committed one is not what its
/// sources make.
pub(crate) fn build() -> Result<PathBuf> {
    built(false)
}

fn built(commit: bool) -> Result<PathBuf> {
    let plugins = workspace_root()?.join("plugins");
    let guests = found_in(&plugins)?;
    let toolchain = Toolchain::find()?;
    say(format!("guests: building {} with {}", guests.len(), toolchain.name()));
    let target = target_folder()?.join("guest-build");
    let mut command = toolchain.cargo(&plugins, &target)?;
    run_command(command.args(["build", "--release", "--quiet"]))?;
    let components = target_folder()?.join("guests");
    fs::create_dir_all(&components).with_context(|| format!("cannot make {}", components.display()))?;
    remove_strangers(&components, &guests)?;
    for guest in &guests {
        let module =
            target.join(toolchain::TARGET).join("release").join(format!("{}.wasm", guest.name.replace('-', "_")));
        let component = component_of(&components, guest);
        component::refresh(&module, &component, guest, &toolchain)
            .with_context(|| format!("cannot make a component of {}", guest.name))?;
        if commit { committed::commit(&component, guest)? } else { committed::compare(&component, guest)? }
    }
    Ok(components)
}

/// Tests the guests' own logic where cargo itself runs; what they would ask of a host they cannot have there.
///
/// # Errors
/// When a test fails.
pub(crate) fn test() -> Result<()> {
    say("guests: testing their logic");
    let mut command = crate::process::cargo(&["test", "--quiet"])?;
    command
        .current_dir(workspace_root()?.join("plugins"))
        .env("CARGO_TARGET_DIR", target_folder()?.join("guest-build"));
    run_command(&mut command)
}

fn component_of(folder: &Path, guest: &Guest) -> PathBuf {
    folder.join(format!("{}.wasm", guest.name))
}

#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
    #[serde(default)]
    lib: Library,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    wharf: WharfMetadata,
}

#[derive(Deserialize, Default)]
struct WharfMetadata {
    committed: Option<String>,
}

#[derive(Deserialize, Default)]
struct Library {
    #[serde(default, rename = "crate-type")]
    crate_type: Vec<String>,
}

/// The crates in a folder and in its `fixtures` that become components.
fn found_in(plugins: &Path) -> Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for folder in [plugins.to_path_buf(), plugins.join("fixtures")] {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let folder = entry?.path();
            let Ok(text) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
            let manifest: Manifest = toml::from_str(&text).with_context(|| format!("in {}", folder.display()))?;
            let is_component = manifest.lib.crate_type.iter().any(|kind| kind == "cdylib");
            if let Some(package) = manifest.package.filter(|_| is_component) {
                let committed = package.metadata.wharf.committed.map(|file| folder.join(file));
                guests.push(Guest { name: package.name, folder, committed });
            }
        }
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

/// Removes the components of crates that are no more: a test would go on passing with them.
fn remove_strangers(components: &Path, guests: &[Guest]) -> Result<()> {
    for entry in fs::read_dir(components)? {
        let path = entry?.path();
        if !guests.iter().any(|guest| component_of(components, guest) == path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
