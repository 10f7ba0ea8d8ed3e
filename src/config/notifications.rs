//! `notifications`: who is told of pushes, pulls and deletions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plugin::Plugin;
use super::value::{ByteSize, Period, Secret, Strings};

/// Notifications.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// What events hold.
    pub events: Events,
    /// Where they are sent.
    pub endpoints: Vec<Endpoint>,
    /// WebAssembly components that are given the events.
    pub plugins: Vec<HookPlugin>,
    /// The queue in front of every receiver. It is in memory.
    pub queue: Queue,
}

/// What events hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Events {
    /// Adds the descriptors that a manifest refers to.
    pub includereferences: bool,
}

/// The queue in front of every receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Events that may wait; when there are more, the oldest are dropped.
    pub events_max: u32,
    /// Memory that they may take, estimated; likewise.
    pub bytes_max: ByteSize,
    /// Age at which an event that could not be delivered is given up.
    pub age_max: Period,
    /// How long the end of the server waits for what is not delivered yet.
    pub flush_timeout: Period,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            events_max: 10_000,
            bytes_max: ByteSize::mib(16),
            age_max: Period::hours(24),
            flush_timeout: Period::secs(3),
        }
    }
}

/// A component that is given events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HookPlugin {
    /// The only actions that it is told of, whatever it asks for: `push`, `pull`, `mount`, `delete`.
    pub actions: Strings,
    /// The only levels of log records that it is told of, whatever it asks for.
    pub levels: Strings,
    /// Whether it may be told of the server's own life: started, stopping, a plugin swapped or failing, a collection finished.
    pub server: Option<bool>,
    /// The component.
    #[serde(flatten)]
    pub plugin: Plugin,
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
