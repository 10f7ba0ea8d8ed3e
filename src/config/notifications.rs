//! `notifications`: who is told of pushes, pulls and deletions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plugin::Plugin;
use super::value::{Period, Secret, Strings};

/// Notifications.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// What events hold.
    pub events: Events,
    /// Where they are sent.
    pub endpoints: Vec<Endpoint>,
    /// WebAssembly components that are given the events.
    pub plugins: Vec<Plugin>,
}

/// What events hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// Adds the descriptors that a manifest refers to.
    pub includereferences: bool,
}

/// One receiver of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// Its name in logs and metrics.
    pub name: String,
    /// Keeps it in the file without using it.
    pub disabled: bool,
    /// URL that events are posted to.
    pub url: String,
    /// Headers to send, such as `Authorization`.
    pub headers: BTreeMap<String, Vec<Secret>>,
    /// How long one attempt may take.
    pub timeout: Period,
    /// Failures in a row after which attempts wait for `backoff`.
    pub threshold: i64,
    /// Wait after such failures.
    pub backoff: Period,
    /// Media types whose events are not sent.
    pub ignoredmediatypes: Strings,
    /// Events that are not sent.
    pub ignore: Ignore,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            name: String::new(),
            disabled: false,
            url: String::new(),
            headers: BTreeMap::new(),
            timeout: Period::secs(1),
            threshold: 10,
            backoff: Period::secs(1),
            ignoredmediatypes: Strings::default(),
            ignore: Ignore::default(),
        }
    }
}

/// Events that are not sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ignore {
    /// By the target's media type.
    pub mediatypes: Strings,
    /// By action: `push`, `pull`, `mount`, `delete`.
    pub actions: Strings,
}
