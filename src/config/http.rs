//! `http`: the server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::tls::Tls;
use super::value::{Period, Secret, Strings};

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address to listen on: `host:port`, `:port` for every interface, or a path when `net` is `unix`. Port 0 lets the system
    /// choose one.
    pub addr: String,
    /// Kind of socket.
    pub net: Net,
    /// Path under which the whole API lies; starts with `/`. The check at `/` stays where it is.
    pub prefix: String,
    /// URL by which clients reach this server, such as `https://registry.example`. When set, it is used in every `Location`
    /// and `Link`, and forwarding headers are not looked at.
    pub host: String,
    /// Key that signs the state of an upload. Every replica needs the same one. Without it one is made and kept with the data,
    /// where every replica on the same storage finds it.
    pub secret: Secret,
    /// Sends `Location` and `Link` without scheme and host.
    pub relativeurls: bool,
    /// How long requests in progress may take to end after SIGTERM or SIGINT; 0 gives them five seconds.
    pub draintimeout: Period,
    /// Headers added to every answer of the API, errors included.
    pub headers: BTreeMap<String, Strings>,
    /// Encryption.
    pub tls: Tls,
    /// A second server without authentication, for health and metrics.
    pub debug: Debug,
    /// HTTP/2 over TLS.
    pub http2: Http2,
    /// HTTP/2 without TLS.
    pub h2c: H2c,
    /// Limits of what clients can make the server do.
    pub limits: Limits,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            addr: "127.0.0.1:5000".to_owned(),
            net: Net::default(),
            prefix: String::new(),
            host: String::new(),
            secret: Secret::default(),
            relativeurls: false,
            draintimeout: Period::ZERO,
            headers: BTreeMap::new(),
            tls: Tls::default(),
            debug: Debug::default(),
            http2: Http2::default(),
            h2c: H2c::default(),
            limits: Limits::default(),
        }
    }
}

/// Kind of listening socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Net {
    /// TCP, IPv4 and IPv6.
    #[default]
    Tcp,
    /// A unix socket.
    Unix,
}

/// The second server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Debug {
    /// Address to listen on; no second server when empty.
    pub addr: String,
    /// Metrics.
    pub prometheus: Prometheus,
}

/// Metrics for Prometheus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prometheus {
    /// Turns them on. They are served by the second server only.
    pub enabled: bool,
    /// Their path.
    pub path: String,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self { enabled: false, path: "/metrics".to_owned() }
    }
}

/// HTTP/2 over TLS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http2 {
    /// Offers HTTP/1.1 only.
    pub disabled: bool,
}

/// HTTP/2 without TLS.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct H2c {
    /// Accepts HTTP/2 with prior knowledge on the listener without TLS.
    pub enabled: bool,
}
