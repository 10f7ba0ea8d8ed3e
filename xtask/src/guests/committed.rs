//! Components that are committed beside their sources, because the server carries them and a build of the server needs nothing
//! but a host's Rust.
//!
//! Two things tell that such a file was built from the sources as they stand. It carries their digest, which a test compares
//! whatever compiler is there. And where the compiler is the one that it was built with, every build compares all its bytes.

use super::component::{append_section, section};
use super::{Guest, Toolchain};
use crate::process::{say, workspace_root};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SOURCES_SECTION: &str = "wharf-sources";
const COMPILER_SECTION: &str = "wharf-compiler";

/// Adds to a component from what and by what it was built.
pub(super) fn stamp(component: &mut Vec<u8>, guest: &Guest, toolchain: &Toolchain) -> Result<()> {
    append_section(component, SOURCES_SECTION, sources_digest(guest)?.as_bytes());
    append_section(component, COMPILER_SECTION, toolchain.version()?.as_bytes());
    Ok(())
}

/// Writes a component that was just built to its place among the sources.
pub(super) fn commit(built: &Path, guest: &Guest) -> Result<()> {
    let Some(file) = &guest.committed else { return Ok(()) };
    fs::copy(built, file).with_context(|| format!("cannot write {}", file.display()))?;
    say(format!("guests: wrote {}", file.display()));
    Ok(())
}

/// Compares a component that was just built with the committed one.
pub(super) fn compare(built: &Path, guest: &Guest) -> Result<()> {
    let Some(file) = &guest.committed else { return Ok(()) };
    let (built, committed) = (fs::read(built)?, fs::read(file).unwrap_or_default());
    let same_compiler = section(&built, COMPILER_SECTION) == section(&committed, COMPILER_SECTION);
    if same_compiler && built != committed {
        bail!(
            "{} is not what its sources make: run `cargo xtask guests --commit`, and commit the file",
            file.display()
        );
    }
    Ok(())
}

/// The digest of everything that a guest is made of: its own files, the shared crate, the contract, the profile, and the
/// versions of its dependencies.
fn sources_digest(guest: &Guest) -> Result<String> {
    let root = workspace_root()?;
    let plugins = root.join("plugins");
    let mut parts = BTreeMap::new();
    for folder in [guest.folder.clone(), plugins.join("support"), root.join("wit")] {
        for file in files_in(&folder)? {
            let name = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().into_owned();
            parts.insert(name, fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
        }
    }
    let workspace: toml::Table = fs::read_to_string(plugins.join("Cargo.toml"))?.parse()?;
    parts.insert(
        "profile".to_owned(),
        workspace.get("profile").map(ToString::to_string).unwrap_or_default().into_bytes(),
    );
    let lock: toml::Table = fs::read_to_string(plugins.join("Cargo.lock"))?.parse()?;
    parts.insert("dependencies".to_owned(), dependencies(&lock, &guest.name).into_bytes());
    let mut hasher = Sha256::new();
    for (name, content) in parts {
        // Lengths keep what ends one part from beginning the next.
        hasher.update(format!("{} {name} {}\n", name.len(), content.len()));
        hasher.update(content);
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{hex}"))
}

/// The sources beneath a folder: no components, no documentation, and no second way to the contract's dependencies.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let is_source = path.extension().is_some_and(|kind| kind == "rs" || kind == "toml" || kind == "wit");
        if path.is_symlink() || path.ends_with("target") {
            continue;
        }
        if path.is_dir() {
            files.extend(files_in(&path)?);
        } else if is_source {
            files.push(path);
        }
    }
    Ok(files)
}

/// What a package depends on, directly and not, by `Cargo.lock`: a line each.
fn dependencies(lock: &toml::Table, package: &str) -> String {
    let text =
        |table: &toml::Value, key: &str| table.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let mut lines = BTreeSet::new();
    let mut wanted = vec![package.to_owned()];
    while let Some(name) = wanted.pop() {
        // `name`, or `name version` where there are several.
        let (name, version) =
            name.split_once(' ').map_or((name.as_str(), None), |(name, rest)| (name, rest.split(' ').next()));
        for found in packages.iter().filter(|found| text(found, "name") == name) {
            if version.is_some_and(|version| version != text(found, "version")) {
                continue;
            }
            let line = format!("{name} {} {}\n", text(found, "version"), text(found, "checksum"));
            if lines.insert(line) {
                let inner = found.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
                wanted.extend(inner.filter_map(toml::Value::as_str).map(ToOwned::to_owned));
            }
        }
    }
    lines.into_iter().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may end itself")]
mod tests {
    use super::*;

    #[test]
    fn committed_components_were_built_from_the_sources_as_they_stand() {
        let plugins = workspace_root().unwrap().join("plugins");
        let mut compared = 0;
        for guest in super::super::found_in(&plugins).unwrap() {
            let Some(file) = &guest.committed else { continue };
            let component = fs::read(file).unwrap();
            let recorded = section(&component, SOURCES_SECTION).map(String::from_utf8_lossy);
            assert_eq!(
                recorded.as_deref(),
                Some(sources_digest(&guest).unwrap().as_str()),
                "{} is out of date: run `cargo xtask guests --commit`",
                file.display()
            );
            compared += 1;
        }
        assert!(compared > 0);
    }

    #[test]
    fn only_what_a_package_depends_on_counts() {
        let lock = r#"
            [[package]]
            name = "a"
            version = "1"
            dependencies = ["b", "c 2"]
            [[package]]
            name = "b"
            version = "1"
            checksum = "bb"
            dependencies = ["a"]
            [[package]]
            name = "c"
            version = "1"
            [[package]]
            name = "c"
            version = "2"
            [[package]]
            name = "d"
            version = "1"
        "#;
        assert_eq!(dependencies(&lock.parse().unwrap(), "a"), "a 1 \nb 1 bb\nc 2 \n");
    }
}
