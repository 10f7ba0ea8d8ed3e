//! `redis`: the server behind `storage.cache.blobdescriptor: redis`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Period, Secret, Strings};

/// Redis. Not configured while `addrs` is empty. The keys of version 2 of `distribution` are read as well: `addr` as the first
/// of `addrs`, `pool.maxidle` as `maxidleconns`, `pool.maxactive` as `poolsize`, `pool.idletimeout` as `connmaxidletime`.
///
/// A number or time of 0 leaves the choice to the client library.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `host:port` of the servers: one is a single node, several are a cluster, or the sentinels when `mastername` is set.
    pub addrs: Strings,
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Number of the database.
    pub db: i64,
    /// Name of the connection.
    pub clientname: String,
    /// Version of the protocol: 2 or 3.
    pub protocol: i64,
    /// User name at the sentinels.
    pub sentinelusername: String,
    /// Password at the sentinels.
    pub sentinelpassword: Secret,
    /// Name of the master that the sentinels watch.
    pub mastername: String,
    /// Attempts after a failed one; -1 for none.
    pub maxretries: i64,
    /// Shortest wait before another attempt.
    pub minretrybackoff: Period,
    /// Longest wait before another attempt.
    pub maxretrybackoff: Period,
    /// Time to connect.
    pub dialtimeout: Period,
    /// Time to read.
    pub readtimeout: Period,
    /// Time to write.
    pub writetimeout: Period,
    /// Lets the deadline of a request end its commands.
    pub contexttimeoutenabled: bool,
    /// Takes the connection that has waited longest.
    pub poolfifo: bool,
    /// Connections at most.
    pub poolsize: i64,
    /// Wait for a free connection.
    pub pooltimeout: Period,
    /// Idle connections kept at least.
    pub minidleconns: i64,
    /// Idle connections kept at most.
    pub maxidleconns: i64,
    /// Connections in use at most.
    pub maxactiveconns: i64,
    /// How long a connection may be idle.
    pub connmaxidletime: Period,
    /// How old a connection may become.
    pub connmaxlifetime: Period,
    /// Redirections followed in a cluster.
    pub maxredirects: i64,
    /// Reads from replicas.
    pub readonly: bool,
    /// Reads from the nearest node.
    pub routebylatency: bool,
    /// Reads from any node.
    pub routerandomly: bool,
    /// Does not tell the server which client this is.
    pub disableidentity: bool,
    /// Added to the client's name.
    pub identitysuffix: String,
    /// Uses version 3 of the protocol where it is not settled yet.
    pub unstableresp3: bool,
    /// Encryption.
    pub tls: RedisTls,
}

/// TLS with Redis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisTls {
    /// PEM file with the client's certificate.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// PEM files with the certificates of those who may issue the server's.
    pub rootcas: Strings,
}
