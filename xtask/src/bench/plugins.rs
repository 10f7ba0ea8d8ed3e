//! The components of the rows about plugins, and the servers that carry them.

use super::contestant::{PASSWORD, Recipe, USER};
use crate::guests;
use crate::process::{capture, say};
use crate::tools::Toolbox;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Besides Rust. Each provider is what `wharf plugin new` writes, as it is.
const LANGUAGES: [&str; 3] = ["javascript", "python", "go"];

/// The name of the auth provider in the servers.
pub(super) const AUTH: &str = "auth";

/// The admin listener, beside the server's configuration.
pub(super) const ADMIN_SOCKET: &str = "admin.sock";

/// A custom section without content: a component with it does the same under another digest.
const CUSTOM_SECTION: &[u8] = b"\0\x06\x05bench";

/// Everything that has to be compiled before it can be measured.
pub(super) struct Components {
    folder: PathBuf,
    guests: PathBuf,
}

impl Components {
    /// Builds them into `folder`, with the languages' own tools.
    ///
    /// # Errors
    /// When one can't be built; the error quotes what its tool said.
    pub(super) fn build(wharf: &Path, toolbox: &Toolbox, folder: PathBuf) -> Result<Self> {
        let guests = guests::build()?;
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        for language in LANGUAGES {
            say(format!("bench: building an auth provider in {language}"));
            let wharf = |arguments: &[&str]| {
                let mut command = Command::new(wharf);
                command.arg("plugin").args(arguments).current_dir(&folder);
                toolbox.equip(&mut command)?;
                capture(&mut command)
            };
            wharf(&["new", "--world", "auth-provider", "--lang", language, language])?;
            wharf(&["build", language])?;
        }
        let components = Self { folder, guests };
        let mut other = fs::read(components.rust()).context("there is no auth provider in Rust")?;
        other.extend_from_slice(CUSTOM_SECTION);
        fs::write(components.other(), other)?;
        Ok(components)
    }

    /// Wharf without anybody, then behind each provider. None of their grants is remembered but where the label says so.
    pub(super) fn auth(&self, wharf: &Recipe) -> Vec<Recipe> {
        let rust = |label: &str, instances: &str, time_to_live_ms: u32| {
            wharf.with_auth_plugin(label, &self.rust_lines(instances, time_to_live_ms, ""))
        };
        let mut recipes = vec![
            wharf.clone(),
            rust("Rust, remembered", "warm", 60_000),
            rust("Rust, warm", "warm", 0),
            rust("Rust, fresh", "fresh", 0),
        ];
        for language in LANGUAGES {
            for instances in ["warm", "fresh"] {
                let lines = self.scaffold_lines(language, instances, "");
                recipes.push(wharf.with_auth_plugin(&format!("{}, {instances}", title(language)), &lines));
            }
        }
        recipes
    }

    /// Wharf behind a provider that can be exchanged over the admin listener.
    pub(super) fn swapped(&self, wharf: &Recipe) -> Vec<Recipe> {
        let lines = self.rust_lines("auto", 0, &format!("admin: {{socket: \"{{data}}/../{ADMIN_SOCKET}\"}}\n"));
        vec![wharf.with_auth_plugin("Wharf, exchanging", &lines).exchanging(vec![self.other(), self.rust()])]
    }

    /// Wharf on the file system, then on a component that stores in it: everything optional exported, and nothing of it.
    pub(super) fn storage(&self, wharf: &Recipe) -> Vec<Recipe> {
        let on = |label: &str, guest: &str| {
            let component = self.guests.join(guest);
            let lines = format!(
                "  plugin:\n    component: \"{}\"\n    grants: {{directories: [{{path: \"{{data}}\", guest: /data, write: true}}]}}\n",
                component.display()
            );
            wharf.with_storage(label, &lines)
        };
        vec![
            wharf.clone(),
            on("on a component", "storage-fixture.wasm"),
            on("on a minimal component", "storage-minimal.wasm"),
        ]
    }

    /// Wharf alone, then behind each provider, with compiled code in a folder of its own or in one that outlives it.
    pub(super) fn compiling(&self, wharf: &Recipe, kept: bool) -> Vec<Recipe> {
        let cache =
            if kept { self.folder.join("compiled").display().to_string() } else { "{data}/../compiled".to_owned() };
        let also = format!("plugins: {{cache: \"{cache}\"}}\n");
        let mut recipes = vec![wharf.clone(), wharf.with_auth_plugin("with Rust", &self.rust_lines("auto", 0, &also))];
        recipes.extend(LANGUAGES.map(|language| {
            let lines = self.scaffold_lines(language, "auto", &also);
            wharf.with_auth_plugin(&format!("with {}", title(language)), &lines)
        }));
        recipes
    }

    fn rust(&self) -> PathBuf {
        self.guests.join("auth-fixture.wasm")
    }

    fn other(&self) -> PathBuf {
        self.folder.join("other.wasm")
    }

    fn rust_lines(&self, instances: &str, time_to_live_ms: u32, also: &str) -> String {
        let config = format!("user: {USER}, password: \"{PASSWORD}\", time-to-live-ms: {time_to_live_ms}");
        lines(&self.rust(), instances, &format!("    config: {{{config}}}\n"), also)
    }

    fn scaffold_lines(&self, language: &str, instances: &str, also: &str) -> String {
        let component = self.folder.join(language).join(format!("{language}.wasm"));
        // It would let its grants be remembered for a minute.
        let more = "    grants: {secrets: {users: {file: \"{data}/../users\"}}}\n    limits: {decision_time_max: 1ns, compile_time_max: 300s}\n";
        lines(&component, instances, more, also)
    }
}

fn lines(component: &Path, instances: &str, more: &str, also: &str) -> String {
    let component = component.display();
    format!(
        "auth:\n  plugin:\n    name: {AUTH}\n    component: \"{component}\"\n    instances: {instances}\n{more}{also}"
    )
}

fn title(language: &str) -> &str {
    match language {
        "javascript" => "JavaScript",
        "python" => "Python",
        "go" => "Go",
        other => other,
    }
}
