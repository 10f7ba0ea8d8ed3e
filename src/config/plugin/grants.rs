//! `grants`: what a plugin may reach.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Strings;

/// What a plugin may reach; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Where it may send HTTP requests to: `host`, `host:port` or `*.domain`, with `http://` before it where TLS is not wanted.
    /// Private, link-local and metadata addresses only when they are named as addresses: `10.0.0.7:8080`, `[fd00::7]`,
    /// `10.0.0.0/8`.
    pub hosts: Strings,
    /// Where it may open TCP connections to: `host:port`, under the same rules as `hosts`.
    pub sockets: Strings,
    /// Blocks of private addresses that the names in `hosts` and `sockets` may stand for, such as `10.0.0.0/8`; they can't be
    /// connected to as addresses by that. A cloud's metadata service is only meant when its very address is named.
    pub networks: Strings,
    /// File with certificates (PEM) that its HTTP requests and its TLS trust beside the system's.
    pub ca: PathBuf,
    /// Lets it speak TLS by means of the server (`wasi:tls`, a draft) on the connections that `sockets` allows.
    pub tls: bool,
    /// Directories that it sees.
    pub directories: Vec<Directory>,
    /// Environment variables that it is given, with their values.
    pub environment: BTreeMap<String, String>,
    /// Secrets that it is given among its configuration, by the key under which it finds them.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Namespaces of `wasi:keyvalue` that it may open: `default` or other names. Plugins that name the same one share it.
    pub keyvalue: Strings,
    /// Request headers that an auth provider sees, in any case. `authorization` must be named like any other.
    pub headers: Strings,
    /// Path prefix under which an auth provider may serve HTTP, such as `/auth/example/`.
    pub serve: String,
}

/// A directory that a plugin sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Directory {
    /// On this machine; required.
    pub path: PathBuf,
    /// Where the plugin sees it: an absolute path. Without one at the same path.
    pub guest: String,
    /// Lets it write there.
    pub write: bool,
}

/// Where a secret is read from when the plugin is loaded: one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretSource {
    /// A file; a line break at its end is left out.
    pub file: PathBuf,
    /// An environment variable of the server.
    pub env: String,
}
