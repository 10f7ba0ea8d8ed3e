//! `http.tls`: encryption.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Period, Strings};

/// TLS. It is on when `certificate` is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and what leads from it to its root.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// PEM files with the certificates of those who may issue client certificates.
    pub clientcas: Strings,
    /// What is asked of clients; looked at only when `clientcas` is set.
    pub clientauth: ClientAuth,
    /// The lowest version spoken.
    pub minimumtls: MinimumTls,
    /// Cipher suites for TLS 1.2 by their IANA names; empty: all that are offered.
    pub ciphersuites: Strings,
    /// Certificates by ACME.
    pub letsencrypt: LetsEncrypt,
    /// Taking up changed certificate files without a restart.
    pub reload: Reload,
}

/// What is asked of clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ClientAuth {
    /// A certificate is asked for; none, or any, will do.
    RequestClientCert,
    /// There must be one; any will do.
    RequireAnyClientCert,
    /// One that is sent must be valid.
    VerifyClientCertIfGiven,
    /// There must be one, and it must be valid.
    #[default]
    RequireAndVerifyClientCert,
}

/// The lowest TLS version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum MinimumTls {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "tls1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "tls1.3")]
    Tls13,
}

/// ACME.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LetsEncrypt {
    /// Directory for account and certificates.
    pub cachefile: PathBuf,
    /// Address that the authority may write to.
    pub email: String,
    /// Names for which certificates are asked.
    pub hosts: Strings,
    /// URL of the authority's directory.
    pub directoryurl: String,
}

impl LetsEncrypt {
    /// Whether certificates are wanted by ACME.
    pub fn is_enabled(&self) -> bool {
        !self.cachefile.as_os_str().is_empty()
    }
}

/// Reloading of certificates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reload {
    /// Time between two looks at the files; 0 never looks. Files that cannot be used are reported and the old ones stay.
    pub interval: Period,
}

impl Default for Reload {
    fn default() -> Self {
        Self { interval: Period::secs(10) }
    }
}
