//! `plugins` and `admin`: what concerns all plugins.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretSource;
use crate::config::value::{Period, Secret};

/// What concerns all plugins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// Directory for compiled components, so that a start need not compile them again. Nobody else may be able to write there:
    /// what lies in it runs. Without one `$CACHE_DIRECTORY`, `$XDG_CACHE_HOME/wharf` or `~/.cache/wharf`; when there is none of
    /// them either, nothing is kept.
    pub cache: PathBuf,
    /// Looks this often whether the file of a component has changed, and swaps the plugin if it has; 0 never looks.
    pub watch: Period,
    /// Logins for components from registries (`oci://…`). Without one they are pulled as by anybody.
    pub registries: Vec<RegistryLogin>,
}

impl Default for Plugins {
    fn default() -> Self {
        Self { cache: PathBuf::new(), watch: Period::secs(2), registries: Vec::new() }
    }
}

/// A login at a registry that components are pulled from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryLogin {
    /// The registry as the references name it: `registry.example`, `registry.example:5000`.
    pub host: String,
    /// The user.
    pub username: String,
    /// The password or token, read anew for each pull.
    pub password: SecretSource,
}

/// The admin listener: it lists, swaps and rolls back plugins. Off unless one of `socket` and `addr` is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Path of a unix socket that only the user of the server can open.
    pub socket: PathBuf,
    /// A loopback address, such as `127.0.0.1:5002`; needs `token`.
    pub addr: String,
    /// What callers over `addr` must send as `Authorization: Bearer …`; 16 characters at least.
    pub token: Secret,
}
