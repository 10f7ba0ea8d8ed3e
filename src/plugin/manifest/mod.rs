//! What a component says of itself: its name and version, its configuration keys, and what it asks for.
//!
//! Written by its author as `plugin.toml`, and carried in the component as a custom section, so that it is read without running
//! anything. Asking gives nothing: the operator's grants are needed too. A component without a manifest asks for nothing.

mod section;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use section::{SECTION, embed, section};

/// The longest text that is read as a manifest.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;

/// `plugin.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The plugin's name, in the words of its author.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// What it does, in a sentence.
    pub description: String,
    /// Its licence, as an SPDX expression.
    #[serde(alias = "license")]
    pub licence: String,
    /// The world that it is written for: `storage-backend`, `storage-layer`, `auth-provider` or `notification-hook`.
    pub world: String,
    /// What it asks for.
    pub asks: Asks,
    /// The keys of its configuration.
    pub config: BTreeMap<String, ConfigKey>,
}

/// What a plugin asks for. Names stand for themselves; `hosts` and `sockets` take the patterns that grants take, and `*` for
/// "whatever the operator names".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asks {
    /// Where it sends HTTP requests.
    pub hosts: Vec<String>,
    /// Where it opens TCP connections.
    pub sockets: Vec<String>,
    /// Whether it wants the host's TLS on them.
    pub tls: bool,
    /// Directories, by the path that it sees.
    pub directories: Vec<AskedDirectory>,
    /// Environment variables.
    pub environment: Vec<String>,
    /// Secrets, by the key under which it looks for them in its configuration.
    pub secrets: Vec<String>,
    /// Namespaces of `wasi:keyvalue`.
    pub keyvalue: Vec<String>,
    /// Request headers that an auth provider wants to see.
    pub headers: Vec<String>,
    /// Whether it serves HTTP under a path prefix of its own.
    pub serve: bool,
}

/// A directory that a plugin asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedDirectory {
    /// The path that it sees.
    pub path: String,
    /// Whether it writes there.
    pub write: bool,
}

/// A key of a plugin's configuration, for whoever fills it in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigKey {
    /// What it is for.
    pub description: String,
    /// Whether the plugin can't do without it.
    pub required: bool,
    /// What it takes when the key is absent.
    pub default: String,
}

/// What the tables of a manifest may hold.
const KEYS: [&str; 7] = ["name", "version", "description", "licence", "world", "asks", "config"];
const ASKS: [&str; 9] =
    ["hosts", "sockets", "tls", "directories", "environment", "secrets", "keyvalue", "headers", "serve"];

impl Manifest {
    /// Reads a manifest that a component carries. Keys that are not known are left out: they may be those of a later version,
    /// and what is not understood is not granted either.
    ///
    /// # Errors
    /// A sentence that says where the text can't be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| unreadable(text, &error))
    }

    /// Reads the manifest that an author wrote, and says what he may have misspelt.
    ///
    /// # Errors
    /// Sentences that say where the text can't be read, or which key nobody will look at.
    pub fn check(text: &str) -> Result<Self, String> {
        let manifest = Self::parse(text)?;
        let table: toml::Table =
            text.parse().map_err(|error| format!("the plugin's manifest can't be read: {error}"))?;
        let mut problems = unknown("", &table, &KEYS);
        if let Some(asks) = table.get("asks").and_then(toml::Value::as_table) {
            problems.extend(unknown("asks.", asks, &ASKS));
        }
        for (key, value) in [("name", &manifest.name), ("version", &manifest.version), ("world", &manifest.world)] {
            if value.is_empty() {
                problems.push(format!("plugin.toml: {key} is missing"));
            }
        }
        if text.len() > MANIFEST_BYTES_MAX {
            problems.push(format!(
                "plugin.toml is longer than {MANIFEST_BYTES_MAX} bytes, which is the most that a server reads"
            ));
        }
        if problems.is_empty() { Ok(manifest) } else { Err(problems.join("\n")) }
    }

    /// The manifest of a component; that of one without is empty, and asks for nothing.
    ///
    /// # Errors
    /// When the component or its manifest can't be read.
    pub fn of(component: &[u8]) -> Result<Self, String> {
        match section(component)? {
            Some(text) => Self::parse(text),
            None => Ok(Self::default()),
        }
    }
}

/// Where and why, without the text itself: its author may have put anything there.
fn unreadable(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().map(|span| text.get(..span.start).unwrap_or_default());
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    let message: String = error.message().chars().filter(|character| !character.is_control()).collect();
    format!("the plugin's manifest can't be read: line {line}: {message}")
}

fn unknown(before: &str, table: &toml::Table, known: &[&str]) -> Vec<String> {
    let keys = table.keys().filter(|key| !known.contains(&key.as_str()) && *key != "license");
    keys.map(|key| {
        let nearest = known
            .iter()
            .copied()
            .max_by(|one, two| strsim::jaro_winkler(key, one).total_cmp(&strsim::jaro_winkler(key, two)));
        let nearest = nearest.unwrap_or_default();
        format!("plugin.toml: nobody reads the key {before}{key}; is {before}{nearest} meant?")
    })
    .collect()
}
