//! What goes over the admin API, as JSON.

use serde::{Deserialize, Serialize};

use crate::plugin::slot::{Status, Swapped};

/// Which component to put into service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwapRequest {
    /// A file as the *server* sees it, or `oci://host/repository@sha256:…`; none: once more the one of the configuration.
    pub component: Option<String>,
}

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its world.
    pub world: String,
    /// Where the component in service came from.
    pub source: String,
    /// Its digest.
    pub digest: String,
    /// Counts up with each component that was put into service.
    pub version: u64,
    /// When it was loaded (RFC 3339).
    pub loaded_at: String,
    /// `fresh` (an instance for each call) or `warm`.
    pub instances_are: String,
    /// How long one instance takes to start.
    pub start_micros: u64,
    /// Instances that exist.
    pub instances: u64,
    /// Those of them that wait for a call.
    pub idle: u64,
    /// Whether it is out of service because it kept failing.
    pub failing: bool,
    /// The digest that a rollback brings back.
    pub previous: Option<String>,
}

impl From<Status> for Listed {
    fn from(status: Status) -> Self {
        let loaded_at = jiff::Timestamp::try_from(status.loaded_at).map(|at| format!("{at:.0}")).unwrap_or_default();
        Self {
            name: status.name,
            world: status.world.to_owned(),
            source: status.source,
            digest: status.digest,
            version: status.version,
            loaded_at,
            instances_are: if status.fresh { "fresh" } else { "warm" }.to_owned(),
            start_micros: u64::try_from(status.start_time.as_micros()).unwrap_or(u64::MAX),
            instances: status.instances,
            idle: status.idle as u64,
            failing: status.failing,
            previous: status.previous,
        }
    }
}

/// What an exchange did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchanged {
    /// The plugin.
    pub name: String,
    /// Whether anything was exchanged; not, when the component was in service already.
    pub changed: bool,
    /// The digest before.
    pub from: String,
    /// The digest now.
    pub to: String,
    /// The number of the version in service.
    pub version: u64,
    /// How long compiling took; none, when it had been compiled before.
    pub compile_millis: Option<u64>,
    /// How long all of it took.
    pub millis: u64,
}

impl Exchanged {
    pub(super) fn of(name: &str, swapped: &Swapped) -> Self {
        let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            name: name.to_owned(),
            changed: swapped.is_changed(),
            from: swapped.from.clone(),
            to: swapped.to.clone(),
            version: swapped.version,
            compile_millis: swapped.compile_time.map(millis),
            millis: millis(swapped.time),
        }
    }
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A sentence.
    pub error: String,
}
