//! Tells the operator what a plugin reached for and was not given: each thing once, with what would mend it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::destination::{Scheme, Target};
use super::dial::DialError;
use crate::telemetry::metrics::PluginMetrics;

/// Different refusals that are told. Later ones are counted only: a guest makes up names faster than anybody reads.
const TOLD_MAX: usize = 50;

/// The refusals of one version of a plugin.
#[derive(Debug)]
pub struct Refusals {
    plugin: String,
    told: Mutex<HashSet<String>>,
    metrics: Arc<PluginMetrics>,
}

impl Refusals {
    /// For a plugin of this name.
    pub fn new(plugin: &str, metrics: Arc<PluginMetrics>) -> Self {
        Self { plugin: plugin.to_owned(), told: Mutex::default(), metrics }
    }

    /// A connection that was not made. Only what the operator could open is told; a server that is away is the guest's concern.
    pub fn of_dial(&self, target: &Target, problem: &DialError) {
        let key = if target.scheme == Scheme::Tcp { "sockets" } else { "hosts" };
        match problem {
            DialError::NotGranted => self.tell(format!(
                "was refused a connection to {target}; if it should have it, both its manifest and grants.{key} must name it"
            )),
            DialError::Prohibited(address, kind) => self.tell(format!(
                "was refused a connection to {target}: the name stands for {address}, {kind}; if it should have it, name the \
                 address in grants.{key} or a block around it in grants.networks"
            )),
            DialError::Unresolved(_) | DialError::Failed(_) => {}
        }
    }

    /// A refusal in words that follow the plugin's name: "was refused …".
    pub fn tell(&self, what: String) {
        self.metrics.refused();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX || told.contains(&what) {
            return;
        }
        tracing::warn!(plugin = self.plugin, "plugin {} {what}", self.plugin);
        told.insert(what);
        if told.len() == TOLD_MAX {
            tracing::warn!(plugin = self.plugin, "plugin {}: further refusals are only counted", self.plugin);
        }
    }
}
