//! `proxy`: pull-through cache of another registry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Period, Secret};

/// Pull-through cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// URL of the other registry. Setting it makes this server a cache.
    pub remoteurl: String,
    /// User name there.
    pub username: String,
    /// Password there.
    pub password: Secret,
    /// A program that gives the credentials, as Docker's credential helpers do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ProxyExec>,
    /// How long cached content is kept; 0 for ever.
    pub ttl: Period,
    /// How long writing into the cache may take.
    pub cachewritetimeout: Period,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            remoteurl: String::new(),
            username: String::new(),
            password: Secret::default(),
            exec: None,
            ttl: Period::hours(168),
            cachewritetimeout: Period::secs(300),
        }
    }
}

/// A credential helper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyExec {
    /// The program.
    pub command: String,
    /// How long its answer is used; when absent for ever, 0 asks every time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Period>,
}
