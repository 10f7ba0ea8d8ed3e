//! `storage.plugin`, `auth.plugin`, `notifications.plugins` and `log.hooks`: WebAssembly components in place of built-in parts;
//! `plugins`: what concerns all of them.

mod grants;
mod host;
mod limits;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Config;

pub use grants::{Directory, Grants, SecretSource};
pub use host::{Admin, Plugins, RegistryLogin};
pub use limits::PluginLimits;

/// One component, what it may reach, and what it may use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    /// Its name in logs, metrics and commands; letters, digits, `-`, `_` and `.`. Without one it is called by its place: `auth`,
    /// `storage`, `notifications-0`.
    pub name: String,
    /// The component: a file, or `oci://host/repository@sha256:…`. Required.
    pub component: String,
    /// What the component is given as its configuration (`wasi:config/store`). A text is given as it is, any other value as JSON.
    /// No place for secrets: those go to `grants.secrets`.
    pub config: BTreeMap<String, serde_json::Value>,
    /// What it may reach. It gets what stands here and what its manifest asks for, and nothing else.
    pub grants: Grants,
    /// What it may use.
    pub limits: PluginLimits,
    /// What happens to requests that it can't decide: it answers with an error, fails, or is out of service because it kept
    /// failing.
    #[serde(rename = "on-failure")]
    pub on_failure: OnFailure,
    /// How its instances are used.
    pub instances: Instances,
}

/// A configured plugin, with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Place<'a> {
    /// Its key: `auth.plugin`, `notifications.plugins[0]`.
    pub key: String,
    /// Its name, or what it is called by without one.
    pub name: String,
    /// What stands there.
    pub plugin: &'a Plugin,
}

impl Config {
    /// Every configured plugin. The names differ from each other in a loaded configuration.
    pub fn plugins_by_place<'a>(&'a self) -> Vec<Place<'a>> {
        let mut places = Vec::new();
        let mut add = |key: String, place: String, plugin: &'a Plugin| {
            let name = if plugin.name.is_empty() { place } else { plugin.name.clone() };
            places.push(Place { key, name, plugin });
        };
        if let Some(plugin) = &self.storage.plugin {
            add("storage.plugin".to_owned(), "storage".to_owned(), plugin);
        }
        if let Some(plugin) = &self.auth.plugin {
            add("auth.plugin".to_owned(), "auth".to_owned(), plugin);
        }
        for (index, hook) in self.notifications.plugins.iter().enumerate() {
            add(format!("notifications.plugins[{index}]"), format!("notifications-{index}"), &hook.plugin);
        }
        for (index, hook) in self.log.hooks.iter().enumerate().filter(|(_, hook)| !hook.disabled) {
            if let Some(plugin) = hook.plugin.as_ref().filter(|_| hook.kind == "plugin") {
                add(format!("log.hooks[{index}].plugin"), format!("log-{index}"), plugin);
            }
        }
        places
    }

    /// The name of the plugin that stands at a key such as `auth.plugin`; the key itself when nothing stands there.
    pub fn plugin_name(&self, key: &str) -> String {
        let place = self.plugins_by_place().into_iter().find(|place| place.key == key);
        place.map_or_else(|| key.to_owned(), |place| place.name)
    }
}

/// What happens to requests that a plugin can't decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OnFailure {
    /// They are refused with 503.
    #[default]
    Deny,
    /// The built-in provider that is configured beside the plugin decides. Only for `auth.plugin`.
    Native,
}

/// How the instances of a component are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Instances {
    /// A fresh one for each authorization where that is cheap (measured when the component is loaded), else warm ones.
    #[default]
    Auto,
    /// A fresh one for each call: nothing of one request is left for the next one.
    Fresh,
    /// Each serves many calls, one at a time.
    Warm,
}
