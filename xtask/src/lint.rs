//! The lints: format, the length of files, the dependencies, clippy, and the links in the documentation.
//!
//! The rules for dependencies stand in `deny.toml`, which `cargo deny` reads. Where `cargo deny` is installed it is
//! run. Where it is not, [`dependencies`] checks the same file's licences, sources and bans against `cargo metadata` and `cargo tree`:
//! compiling `cargo deny` on two cores takes longer than everything else that CI does, and its one other check, the
//! list of known vulnerabilities, needs a network that CI may not have.

use crate::process::{capture, cargo, run as run_command, say, workspace_root};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// The most lines that a source file may have.
const FILE_LINES_MAX: usize = 500;

/// The workspace of the guests.
const PLUGINS: &str = "plugins/Cargo.toml";

/// Runs every lint.
///
/// # Errors
/// At the first that finds something.
pub(crate) fn run() -> Result<()> {
    say("format: cargo fmt --check");
    run_command(&mut cargo(&["fmt", "--all", "--check"])?).context("run `cargo fmt --all`")?;
    run_command(&mut cargo(&["fmt", "--all", "--check", "--manifest-path", PLUGINS])?)
        .with_context(|| format!("run `cargo fmt --all --manifest-path {PLUGINS}`"))?;
    file_lengths()?;
    dependencies()?;
    say("lints: cargo clippy");
    run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?)?;
    say("documentation: cargo doc");
    // With the private items, and links to them: those who work on the server are the ones who read its documentation.
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked", "--quiet"])?;
    run_command(doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

/// Finds source files that have outgrown what one person keeps in mind (CONTRIBUTING.md).
fn file_lengths() -> Result<()> {
    say("lengths: source files");
    let root = workspace_root()?;
    let mut too_long = Vec::new();
    for folder in ["src", "tests", "xtask", "plugins", "fuzz", "benches"] {
        too_long_in(&root.join(folder), &mut too_long)?;
    }
    if !too_long.is_empty() {
        bail!("files of more than {FILE_LINES_MAX} lines; give a part its own file:\n  {}", too_long.join("\n  "));
    }
    Ok(())
}

fn too_long_in(folder: &Path, too_long: &mut Vec<String>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            too_long_in(&path, too_long)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = fs::read_to_string(&path)?.lines().count();
            if lines > FILE_LINES_MAX {
                too_long.push(format!("{}: {lines}", path.display()));
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    package: String,
    reason: String,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// Absent for the packages of this workspace.
    source: Option<String>,
}

/// Checks licences, bans and sources of every dependency, and names all that break a rule.
fn dependencies() -> Result<()> {
    if crate::tools::find("cargo-deny").is_some() {
        say("dependencies: cargo deny check bans licenses sources");
        for workspace in ["Cargo.toml", PLUGINS] {
            let arguments = ["deny", "--manifest-path", workspace, "check", "--config", "deny.toml"];
            run_command(cargo(&arguments)?.args(["bans", "licenses", "sources"]))?;
        }
        return Ok(());
    }
    say("dependencies: licences, bans and sources of deny.toml");
    let text = fs::read_to_string(workspace_root()?.join("deny.toml")).context("cannot read deny.toml")?;
    let rules: Rules = toml::from_str(&text).context("cannot understand deny.toml")?;
    let mut faults = Vec::new();
    for workspace in ["Cargo.toml", PLUGINS] {
        let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path", workspace];
        let metadata: Metadata =
            serde_json::from_str(&capture(&mut cargo(&arguments)?)?).context("cannot understand `cargo metadata`")?;
        faults.extend(metadata.packages.iter().filter_map(|package| rules.fault_of(package)));
        for banned in &rules.bans.deny {
            faults.extend(fault_of_banned(banned, workspace)?);
        }
    }
    if !faults.is_empty() {
        bail!("dependencies that deny.toml does not allow:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// Says who needs a banned package, if anybody does here. A lock file also names what could be needed with other features, so it is
/// asked what is built.
fn fault_of_banned(banned: &Banned, workspace: &str) -> Result<Option<String>> {
    let mut command = cargo(&["tree", "--locked", "--workspace", "--edges", "normal,build,dev"])?;
    command.args(["--manifest-path", workspace, "--prefix", "none", "--invert", &banned.package]);
    let output = command.stderr(Stdio::null()).output().context("cannot run cargo tree")?;
    // It fails when there is no such package at all.
    let tree = String::from_utf8_lossy(&output.stdout);
    let mut needing = tree.lines();
    Ok(needing.next().map(|package| {
        let by = needing.next().map(|by| format!(", which {by} needs")).unwrap_or_default();
        format!("{package}{by}: {}", banned.reason)
    }))
}

impl Rules {
    /// What is wrong with a package's source or licence, if anything is.
    fn fault_of(&self, package: &Package) -> Option<String> {
        let source = package.source.as_deref()?;
        let told = |fault: String| Some(format!("{} {}: {fault}", package.name, package.version));
        let from_allowed = |registry: &String| source.strip_prefix("registry+") == Some(registry);
        if !self.sources.allow_registry.iter().any(from_allowed) {
            return told(format!("comes from {source}"));
        }
        let Some(license) = &package.license else {
            return told("names no licence".to_owned());
        };
        // Old manifests write `MIT/Apache-2.0`, which the lax mode reads as an alternative.
        let Ok(expression) = spdx::Expression::parse_mode(license, spdx::ParseMode::LAX) else {
            return told(format!("its licence `{license}` is not an SPDX expression"));
        };
        let exceptions = self.licenses.exceptions.iter().filter(|exception| exception.package == package.name);
        let allowed: Vec<&String> =
            self.licenses.allow.iter().chain(exceptions.flat_map(|exception| &exception.allow)).collect();
        let accepted = expression.evaluate(|requirement| {
            let wanted = requirement.to_string();
            allowed.iter().any(|license| **license == wanted)
        });
        if accepted { None } else { told(format!("its licence `{license}` is not allowed")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

    fn rules() -> Rules {
        Rules {
            licenses: Licenses {
                allow: vec!["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()],
                exceptions: vec![Exception { package: "odd".to_owned(), allow: vec!["MPL-2.0".to_owned()] }],
            },
            bans: Bans { deny: Vec::new() },
            sources: Sources { allow_registry: vec![CRATES_IO.to_owned()] },
        }
    }

    fn package(name: &str, license: Option<&str>, source: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: Some(source.to_owned()),
        }
    }

    #[test]
    fn what_the_rules_allow_has_no_fault() {
        let registry = format!("registry+{CRATES_IO}");
        for license in ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "Apache-2.0 WITH LLVM-exception"] {
            assert_eq!(rules().fault_of(&package("fine", Some(license), &registry)), None, "{license}");
        }
        assert_eq!(rules().fault_of(&package("odd", Some("MPL-2.0"), &registry)), None);
    }

    #[test]
    fn every_broken_rule_is_named() {
        let registry = format!("registry+{CRATES_IO}");
        let faults = [
            (package("a", Some("GPL-3.0-only"), &registry), "not allowed"),
            (package("b", Some("MIT AND MPL-2.0"), &registry), "not allowed"),
            (package("c", None, &registry), "names no licence"),
            (package("d", Some("MIT"), "git+https://example.com/d"), "comes from git+"),
        ];
        for (package, expected) in faults {
            let fault = rules().fault_of(&package).unwrap_or_default();
            assert!(fault.contains(expected), "{}: {fault}", package.name);
        }
    }

    #[test]
    fn a_banned_package_counts_when_something_needs_it() -> Result<()> {
        let fault = |package: &str| {
            let banned = Banned { package: package.to_owned(), reason: "there is a better one".to_owned() };
            fault_of_banned(&banned, "Cargo.toml")
        };
        assert!(fault("serde_json")?.is_some_and(|fault| fault.contains("there is a better one")));
        // In the lock file, but needed by nothing that is built here; and in no lock file at all.
        assert_eq!(fault("windows-sys")?, None);
        assert_eq!(fault("no-such-package")?, None);
        Ok(())
    }
}
