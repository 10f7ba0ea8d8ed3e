//! `health`: checks that make the server answer 503 while they fail.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Period, Secret};

/// Health checks. While one fails every request is answered 503.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Asks the storage driver.
    pub storagedriver: StorageDriverCheck,
    /// Asks the plugins that requests depend on: `storage.plugin` and `auth.plugin`.
    pub plugins: PluginsCheck,
    /// Files whose existence means "unhealthy". Each file once.
    pub file: Vec<FileCheck>,
    /// URLs that must answer HEAD. Each URL once.
    pub http: Vec<HttpCheck>,
    /// Addresses that must take a TCP connection. Each address once.
    pub tcp: Vec<TcpCheck>,
}

/// Check of the storage driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageDriverCheck {
    /// Turns it on.
    pub enabled: bool,
    /// Time between two checks.
    pub interval: Period,
    /// Failures in a row that make it count; 0 is the first.
    pub threshold: u32,
}

impl Default for StorageDriverCheck {
    fn default() -> Self {
        Self { enabled: false, interval: Period::secs(10), threshold: 0 }
    }
}

/// Check of the plugins that requests depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsCheck {
    /// Turns it on.
    pub enabled: bool,
    /// Time between two checks.
    pub interval: Period,
    /// Failures in a row that make it count; 0 is the first.
    pub threshold: u32,
}

impl Default for PluginsCheck {
    fn default() -> Self {
        Self { enabled: false, interval: Period::secs(10), threshold: 0 }
    }
}

/// Check of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FileCheck {
    /// The file; unhealthy while it exists.
    pub file: PathBuf,
    /// Time between two checks.
    pub interval: Period,
}

impl Default for FileCheck {
    fn default() -> Self {
        Self { file: PathBuf::new(), interval: Period::secs(10) }
    }
}

/// Check of a URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpCheck {
    /// The URL.
    pub uri: String,
    /// Headers to send.
    pub headers: BTreeMap<String, Vec<Secret>>,
    /// The status that means "healthy".
    pub statuscode: u16,
    /// How long one check may take; 0 sets no bound of its own.
    pub timeout: Period,
    /// Time between two checks.
    pub interval: Period,
    /// Failures in a row that make it count; 0 is the first.
    pub threshold: u32,
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            uri: String::new(),
            headers: BTreeMap::new(),
            statuscode: 200,
            timeout: Period::ZERO,
            interval: Period::secs(10),
            threshold: 0,
        }
    }
}

/// Check of an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TcpCheck {
    /// `host:port`.
    pub addr: String,
    /// How long one check may take; 0 sets no bound of its own.
    pub timeout: Period,
    /// Time between two checks.
    pub interval: Period,
    /// Failures in a row that make it count; 0 is the first.
    pub threshold: u32,
}

impl Default for TcpCheck {
    fn default() -> Self {
        Self { addr: String::new(), timeout: Period::ZERO, interval: Period::secs(10), threshold: 0 }
    }
}
