//! What `wharf plugin inspect` tells, as a table for people and as JSON for programs.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::Description;
use crate::config::plugin::Plugin;
use crate::plugin::manifest::Asks;
use crate::plugin::sandbox::{Plan, Side};

/// A component, and what it would get from a configuration.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// What it is.
    #[serde(flatten)]
    pub component: Description,
    /// What it would get; absent without a configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gets: Option<Got>,
    /// What whoever puts it into service should look at.
    pub remarks: Vec<String>,
}

/// What a plugin would get. Secrets and environment by name only.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Got {
    /// The plugin's name in the configuration.
    pub name: String,
    /// Where it may send HTTP requests.
    pub hosts: Vec<String>,
    /// Where it may open TCP connections.
    pub sockets: Vec<String>,
    /// Whether it may use the host's TLS on them.
    pub tls: bool,
    /// Directories, as `guest path = host path (read)`.
    pub directories: Vec<String>,
    /// Environment variables.
    pub environment: Vec<String>,
    /// Secrets.
    pub secrets: Vec<String>,
    /// Key-value namespaces.
    pub keyvalue: Vec<String>,
    /// Request headers.
    pub headers: Vec<String>,
    /// The path prefix under which it serves HTTP.
    pub serve: Option<String>,
}

impl Report {
    /// Of a component alone.
    pub fn new(file: &str, component: Description) -> Self {
        let mut remarks = Vec::new();
        let manifest = &component.manifest;
        if !component.has_manifest {
            remarks.push(
                "it carries no manifest, so it asks for nothing and gets nothing; \"wharf plugin build\" puts plugin.toml into it"
                    .to_owned(),
            );
        } else if !manifest.world.is_empty() && manifest.world != component.world.name() {
            let (says, is) = (&manifest.world, component.world.name());
            remarks.push(format!(
                "its manifest says that it is a {says}, but it is a {is}; mend world in its plugin.toml"
            ));
        }
        Self { file: file.to_owned(), component, gets: None, remarks }
    }

    /// With what it would get.
    ///
    /// # Errors
    /// What can't be read in the grants or in the manifest, all of it.
    pub fn with_configuration(mut self, name: &str, plugin: &Plugin) -> Result<Self, Vec<String>> {
        let manifest = &self.component.manifest;
        let plan = Plan::of(&manifest.asks, &plugin.grants)?;
        for difference in &plan.differences {
            let mark = if difference.side == Side::Asked { "not granted" } else { "not asked for" };
            self.remarks.push(format!("{mark}: it {difference}"));
        }
        let has = |key: &str| plugin.config.contains_key(key) || plan.secrets.iter().any(|(secret, _)| secret == key);
        for (key, about) in manifest.config.iter().filter(|(key, about)| about.required && !has(key)) {
            self.remarks.push(format!("config.{key} is missing: {}", about.description));
        }
        if !manifest.config.is_empty() {
            for key in plugin.config.keys().filter(|key| !manifest.config.contains_key(*key)) {
                self.remarks.push(format!("config.{key} is no key that its manifest knows"));
            }
        }
        self.gets = Some(Got::of(name, plan));
        Ok(self)
    }
}

impl Got {
    fn of(name: &str, plan: Plan) -> Self {
        let access = |write| if write { "read, write" } else { "read" };
        let directories = plan.directories.iter();
        Self {
            name: name.to_owned(),
            hosts: plan.http.allowed().iter().map(ToString::to_string).collect(),
            sockets: plan.sockets.allowed().iter().map(ToString::to_string).collect(),
            tls: plan.tls,
            directories: directories
                .map(|one| format!("{} = {} ({})", one.guest, one.path.display(), access(one.write)))
                .collect(),
            environment: plan.environment.into_iter().map(|(name, _)| name).collect(),
            secrets: plan.secrets.into_iter().map(|(name, _)| name).collect(),
            keyvalue: plan.keyvalue.into_iter().collect(),
            headers: plan.headers.into_iter().collect(),
            serve: plan.serve,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let component = &self.component;
        let manifest = &component.manifest;
        let mut out = Table(f);
        out.title(&self.file)?;
        out.row("name", &[manifest.name.as_str(), manifest.version.as_str()].join(" "))?;
        out.row("about", &manifest.description)?;
        out.row("licence", &manifest.licence)?;
        let world = format!("{}/{}@{}", component.world.package(), component.world.name(), component.world_version);
        out.row("world", &world)?;
        out.row("digest", &component.digest)?;
        out.row("size", &format!("{} bytes", component.size_bytes))?;
        out.row("made with", &component.toolchain.join(", "))?;
        out.list("exports", &component.exports)?;
        out.list("imports", &component.imports)?;
        let keys: Vec<String> = manifest
            .config
            .iter()
            .map(|(key, about)| {
                let needed = if about.required { " (required)" } else { "" };
                let default =
                    if about.default.is_empty() { String::new() } else { format!("; default: {}", about.default) };
                format!("{key}{needed}: {}{default}", about.description)
            })
            .collect();
        out.list("config", &keys)?;
        out.title("asks for")?;
        out.asks(&manifest.asks)?;
        if let Some(got) = &self.gets {
            out.title(&format!("gets, as {} of the configuration", got.name))?;
            out.got(got)?;
        }
        if !self.remarks.is_empty() {
            out.title("to look at")?;
            self.remarks.iter().try_for_each(|remark| writeln!(f, "  * {}", shown(remark)))?;
        }
        Ok(())
    }
}

/// Rows under titles.
struct Table<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Table<'_, '_> {
    fn title(&mut self, title: &str) -> fmt::Result {
        writeln!(self.0, "{}", shown(title))
    }

    fn row(&mut self, name: &str, value: &str) -> fmt::Result {
        match value.trim() {
            "" => Ok(()),
            value => writeln!(self.0, "  {name:<12} {}", shown(value)),
        }
    }

    fn list(&mut self, name: &str, values: &[String]) -> fmt::Result {
        values.iter().enumerate().try_for_each(|(at, value)| self.row(if at == 0 { name } else { "" }, value))
    }

    fn asks(&mut self, asks: &Asks) -> fmt::Result {
        if *asks == Asks::default() {
            return writeln!(self.0, "  nothing");
        }
        let access = |write| if write { "read, write" } else { "read" };
        let directories: Vec<_> =
            asks.directories.iter().map(|one| format!("{} ({})", one.path, access(one.write))).collect();
        self.list("hosts", &asks.hosts)?;
        self.list("sockets", &asks.sockets)?;
        self.row("tls", if asks.tls { "yes" } else { "" })?;
        self.list("directories", &directories)?;
        self.list("environment", &asks.environment)?;
        self.list("secrets", &asks.secrets)?;
        self.list("keyvalue", &asks.keyvalue)?;
        self.list("headers", &asks.headers)?;
        self.row("serve", if asks.serve { "yes" } else { "" })
    }

    fn got(&mut self, got: &Got) -> fmt::Result {
        let mut any = false;
        for (name, values) in [
            ("hosts", &got.hosts),
            ("sockets", &got.sockets),
            ("directories", &got.directories),
            ("environment", &got.environment),
            ("secrets", &got.secrets),
            ("keyvalue", &got.keyvalue),
            ("headers", &got.headers),
        ] {
            any |= !values.is_empty();
            self.list(name, values)?;
        }
        self.row("tls", if got.tls { "yes" } else { "" })?;
        self.row("serve", got.serve.as_deref().unwrap_or_default())?;
        if any || got.tls || got.serve.is_some() { Ok(()) } else { writeln!(self.0, "  nothing") }
    }
}

/// A component's text as it may stand on a terminal: its author chose it.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}
