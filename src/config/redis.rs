//! `redis`: the server behind `storage.cache.blobdescriptor: redis`.

mod address;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Period, Secret, Strings};

pub use address::{Address, Topology};

/// Redis. Not configured while `addrs` is empty. The keys of version 2 of `distribution` are read as well: `addr` as the first
/// of `addrs`, `pool.maxidle` as `maxidleconns`, `pool.maxactive` as `poolsize`, `pool.idletimeout` as `connmaxidletime`.
///
/// A number or time of 0 means the default that stands with the key. One connection carries all commands; a command that fails
/// is not repeated, because the storage is asked instead.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `host:port` of the servers: one is a single node, several are a cluster, or the sentinels when `mastername` is set.
    /// `rediss://host:port` encrypts with the certificates that the system trusts; a path is a Unix socket.
    pub addrs: Strings,
    /// User name, for servers with access control lists.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Number of the database. A cluster has only 0.
    pub db: i64,
    /// Name of the connection. Not told to the nodes of a cluster.
    pub clientname: String,
    /// Version of the protocol: 2 (default) or 3.
    pub protocol: i64,
    /// User name at the sentinels.
    pub sentinelusername: String,
    /// Password at the sentinels.
    pub sentinelpassword: Secret,
    /// Name of the master that the sentinels watch.
    pub mastername: String,
    /// -1 is how it is: a failed command is not repeated. Any other number has no effect.
    pub maxretries: i64,
    /// Shortest pause before Redis is tried again after it was away; 0 is `250ms`.
    pub minretrybackoff: Period,
    /// Longest pause before Redis is tried again; 0 is `15s`.
    pub maxretrybackoff: Period,
    /// Time to connect and to be let in; 0 is `5s`. No request waits for it.
    pub dialtimeout: Period,
    /// How long a request waits for Redis before it asks the storage; 0 is `250ms`, and more than `1s` counts as `1s`.
    /// Then Redis is left alone until it answers again.
    pub readtimeout: Period,
    /// What `readtimeout` is when that is 0.
    pub writetimeout: Period,
    /// True is how it is: every command has a deadline.
    pub contexttimeoutenabled: bool,
    /// No effect: there is one connection.
    pub poolfifo: bool,
    /// Commands under way at once; 0 is 1024. They share one connection.
    pub poolsize: i64,
    /// How long a command may wait for its turn, within `readtimeout`; 0 is the whole of it.
    pub pooltimeout: Period,
    /// No effect above 1: there is one connection, and it is kept.
    pub minidleconns: i64,
    /// Idle connections at most. There is never more than one.
    pub maxidleconns: i64,
    /// Commands under way at once, if that is less than `poolsize`.
    pub maxactiveconns: i64,
    /// How long the connection may be idle before it is made anew; 0 is any time.
    pub connmaxidletime: Period,
    /// How old a connection may become before it is made anew; 0 is any age.
    pub connmaxlifetime: Period,
    /// Redirections followed in a cluster; 0 is 3.
    pub maxredirects: i64,
    /// No effect: masters are asked, because a replica may not know yet what was deleted.
    pub readonly: bool,
    /// No effect: masters are asked.
    pub routebylatency: bool,
    /// No effect: masters are asked.
    pub routerandomly: bool,
    /// Does not tell the server which client this is. A single node only.
    pub disableidentity: bool,
    /// Added to what the server is told of this client. A single node only.
    pub identitysuffix: String,
    /// No effect.
    pub unstableresp3: bool,
    /// Encryption. Any of its keys turns it on.
    pub tls: RedisTls,
}

/// TLS with Redis. Files are read anew for each connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisTls {
    /// PEM file with the client's certificate.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// PEM files with the certificates of those who may issue the server's; the ones that the system trusts when empty.
    pub rootcas: Strings,
}

impl Redis {
    /// Whether a server is named.
    pub fn is_configured(&self) -> bool {
        !self.addrs.is_empty()
    }
}

impl RedisTls {
    /// Whether anything of it is set, which turns encryption on.
    pub fn is_configured(&self) -> bool {
        self.has_certificate() || !self.key.as_os_str().is_empty() || !self.rootcas.is_empty()
    }

    /// Whether the client has a certificate.
    pub fn has_certificate(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }
}
