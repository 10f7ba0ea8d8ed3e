//! `limits`: what a plugin may use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{ByteSize, Period};

/// Limits of a plugin. Each is at least 1; there is no value for "unlimited". A call that passes one fails, and the log says
/// which one it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PluginLimits {
    /// How long one call may take.
    pub call_time_max: Period,
    /// How long making an instance and its `init` may take.
    pub start_time_max: Period,
    /// How long compiling the component may take, which happens once per component and version of Wharf. Waiting for
    /// another one to be compiled does not count; it may last as long again.
    pub compile_time_max: Period,
    /// Size of the component itself.
    pub component_bytes_max: ByteSize,
    /// Memory of one instance; 4 GiB at most.
    pub memory_bytes_max: ByteSize,
    /// Elements of all of an instance's tables together; 1,000,000 at most.
    pub table_elements_max: u32,
    /// Resources (streams, requests, files, sockets) that one instance may hold at the same time.
    pub resources_max: u32,
    /// Instances at the same time; 500 at most.
    pub instances_max: u32,
    /// Calls that may wait for an instance. More fail at once.
    pub queued_calls_max: u32,
    /// How long a call may wait for an instance.
    pub queue_time_max: Period,
    /// Connections and HTTP requests out of the server at the same time, of all of its instances together.
    pub connections_max: u32,
    /// Bytes that one call may send out.
    pub outgoing_bytes_max: ByteSize,
    /// Bytes that one call may receive from outside.
    pub incoming_bytes_max: ByteSize,
    /// Bytes that each of its namespaces of `wasi:keyvalue` may hold.
    pub keyvalue_bytes_max: ByteSize,
    /// Lines per second that it may write to the log. More are counted and left out.
    pub log_lines_per_second_max: u32,
    /// Length of a log line. The rest is cut off.
    pub log_line_bytes_max: ByteSize,
    /// Authorizations remembered at most.
    pub decisions_max: u32,
    /// How long an authorization may be remembered, whatever the plugin says.
    pub decision_time_max: Period,
    /// Failures in a row after which the plugin is out of service for `failure_backoff`.
    pub failures_max: u32,
    /// How long it is out of service then; doubled each time that it fails again, up to 64 times as long.
    pub failure_backoff: Period,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            call_time_max: Period::secs(10),
            start_time_max: Period::secs(10),
            compile_time_max: Period::secs(60),
            component_bytes_max: ByteSize::mib(128),
            memory_bytes_max: ByteSize::mib(128),
            table_elements_max: 100_000,
            resources_max: 1024,
            instances_max: 64,
            queued_calls_max: 1024,
            queue_time_max: Period::secs(5),
            connections_max: 64,
            outgoing_bytes_max: ByteSize::mib(64),
            incoming_bytes_max: ByteSize::mib(64),
            keyvalue_bytes_max: ByteSize::mib(16),
            log_lines_per_second_max: 100,
            log_line_bytes_max: ByteSize::kib(4),
            decisions_max: 10_000,
            decision_time_max: Period::secs(300),
            failures_max: 5,
            failure_backoff: Period::secs(1),
        }
    }
}
