//! Sections of version 2 of `distribution` that Wharf reads and does not use.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Secret;

/// `compatibility`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compatibility {
    /// Manifests of Docker schema 1.
    pub schema1: Schema1,
}

/// `compatibility.schema1`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schema1 {
    /// Accepts them.
    pub enabled: bool,
    /// Key that signed converted ones.
    pub signingkeyfile: PathBuf,
}

/// `reporting`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reporting {
    /// Settings for Bugsnag.
    pub bugsnag: BTreeMap<String, Secret>,
    /// Settings for New Relic.
    pub newrelic: BTreeMap<String, Secret>,
}
