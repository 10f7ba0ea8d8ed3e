//! The configuration: plain data, and the reading and checking that produces it.
//!
//! There is one schema: the structs of this module, one file per section. Their field names are the keys, their
//! documentation is the reference (`docs/configuration.md` and `wharf config schema` are made from it), their `Default`
//! gives the defaults. Nothing here depends on another module of Wharf; every other module may read it.
//!
//! Keys that CNCF `distribution` has carry its names (all lower case, no `_`). Wharf's own keys are words joined by `_`, and
//! a limit ends in its unit and `_max` (`manifest_bytes_max`).

pub mod auth;
mod check;
pub mod drivers;
pub mod health;
pub mod http;
pub mod limits;
pub mod listing;
pub mod log;
pub mod middleware;
pub mod notifications;
pub mod old;
pub mod plugin;
pub mod proxy;
mod read;
pub mod redis;
pub mod report;
mod schema;
mod show;
pub mod storage;
pub mod tls;
pub mod validation;
pub mod value;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use read::{Inputs, Loaded, Source, load, load_text};
pub use schema::json_schema;
pub use show::to_toml;
pub use value::{ByteSize, Period, Secret, Strings};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Version of the schema: `0.1`. Must stand in a YAML file; may be left out of a TOML file.
    pub version: String,
    /// The log and the access log.
    pub log: log::Log,
    /// Where the data lies, and how it is treated there.
    pub storage: storage::Storage,
    /// Who may do what. At most one of `none`, `htpasswd`, `token`, `silly` and `plugin`, and access rules beside it.
    pub auth: auth::Auth,
    /// Named pieces that `distribution` can put around its registry, repositories or storage.
    pub middleware: middleware::Middleware,
    /// The HTTP server.
    pub http: http::Http,
    /// Who is told of pushes, pulls and deletions.
    pub notifications: notifications::Notifications,
    /// What concerns all plugins, wherever they are configured.
    pub plugins: plugin::Plugins,
    /// The listener by which `wharf plugin list`, `swap` and `rollback` reach a running server.
    pub admin: plugin::Admin,
    /// The Redis server used by `storage.cache.blobdescriptor: redis`.
    pub redis: redis::Redis,
    /// Checks that make the whole server answer 503 while they fail.
    pub health: health::Health,
    /// The list of repositories.
    pub catalog: listing::Catalog,
    /// The lists of tags.
    pub tags: listing::Tags,
    /// The lists of referrers.
    pub referrers: listing::Referrers,
    /// Pull-through cache of another registry; it is one when `remoteurl` is set.
    pub proxy: proxy::Proxy,
    /// What a manifest must fulfil to be accepted.
    pub validation: validation::Validation,
    /// Which classes of repositories are accepted.
    pub policy: validation::Policy,
    /// Settings of version 2 of `distribution` for manifests of Docker schema 1, which Wharf does not store.
    pub compatibility: old::Compatibility,
    /// Settings of version 2 of `distribution` for error reporting services, which Wharf does not call.
    pub reporting: old::Reporting,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: "0.1".to_owned(),
            log: Default::default(),
            storage: Default::default(),
            auth: Default::default(),
            middleware: Default::default(),
            http: Default::default(),
            notifications: Default::default(),
            plugins: Default::default(),
            admin: Default::default(),
            redis: Default::default(),
            health: Default::default(),
            catalog: Default::default(),
            tags: Default::default(),
            referrers: Default::default(),
            proxy: Default::default(),
            validation: Default::default(),
            policy: Default::default(),
            compatibility: Default::default(),
            reporting: Default::default(),
        }
    }
}
