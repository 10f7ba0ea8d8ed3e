//! `storage.plugin`, `auth.plugin` and `notifications.plugins`: WebAssembly components in place of built-in parts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One component.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plugin {
    /// Its name in logs and metrics.
    pub name: String,
    /// A file, or `oci://host/repository@sha256:…`.
    pub component: String,
    /// What the component is given as its configuration.
    pub config: BTreeMap<String, serde_json::Value>,
    /// What it may reach; nothing by default.
    pub grants: BTreeMap<String, serde_json::Value>,
    /// Limits of a call.
    pub limits: BTreeMap<String, serde_json::Value>,
    /// What happens when it keeps failing.
    #[serde(rename = "on-failure")]
    pub on_failure: String,
}
