//! `http.limits`: limits of what clients can make the server do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{ByteSize, Period};

/// Limits of the HTTP server. Each is at least 1; there is no value for "unlimited".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Size of a request's line and headers together; 8 KiB at least. More is answered 431.
    pub header_bytes_max: ByteSize,
    /// Number of a request's headers. More is answered 431.
    pub headers_max: u32,
    /// Size of a manifest. More is answered 413.
    pub manifest_bytes_max: ByteSize,
    /// Requests answered at the same time. More are answered 503 with `Retry-After`.
    pub requests_max: u32,
    /// Connections open at the same time. More wait in the system's queue until one closes.
    pub connections_max: u32,
    /// Requests at the same time on one HTTP/2 connection.
    pub streams_max: u32,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Period,
    /// How long the TLS handshake may take.
    pub handshake_timeout: Period,
    /// How long a request's line and headers may take to arrive.
    pub request_header_timeout: Period,
    /// How long a client may send nothing in the middle of a body. The upload can be continued afterwards.
    pub body_idle_timeout: Period,
    /// How long a client may take nothing of an answer.
    pub response_idle_timeout: Period,
    /// What `Retry-After` says when a limit is reached; rounded up to whole seconds.
    pub retry_after: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes_max: ByteSize::kib(64),
            headers_max: 100,
            manifest_bytes_max: ByteSize::mib(4),
            requests_max: 2048,
            connections_max: 8192,
            streams_max: 200,
            idle_timeout: Period::secs(120),
            handshake_timeout: Period::secs(10),
            request_header_timeout: Period::secs(30),
            body_idle_timeout: Period::secs(60),
            response_idle_timeout: Period::secs(300),
            retry_after: Period::secs(1),
        }
    }
}
