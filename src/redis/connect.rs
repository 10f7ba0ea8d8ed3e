//! How a connection is made: to one server, to the master that sentinels name, or to a cluster.

use std::num::NonZeroUsize;
use std::path::Path;

use ::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use ::redis::cluster::ClusterClientBuilder;
use ::redis::cluster_async::ClusterConnection;
use ::redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode, Value, cmd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::OpenError;
use super::settings::Settings;
use crate::config::redis::{Address, Redis as Config, Topology};

/// How much of the name of this program the server is told.
const LIBRARY: &str = "wharf";
/// A key that holds nothing; it is asked for to see whether commands are answered.
const PROBED_KEY: &str = "wharf::probe";

/// An open connection. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends a command. Has no deadline of its own.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self.clone() {
            Self::Single(mut connection) => connection.req_packed_command(command).await,
            Self::Cluster(mut connection) => connection.req_packed_command(command).await,
        };
        // What the server refuses comes as a value.
        answer.and_then(Value::extract_error)
    }
}

/// Where connections lead.
pub(super) struct Target {
    config: Config,
    topology: Topology,
    addresses: Vec<ConnectionAddr>,
    tls: bool,
    place: String,
}

impl Target {
    pub(super) fn from_config(config: &Config) -> Result<Self, OpenError> {
        let addresses =
            config.addresses().map_err(|(index, problem)| OpenError(format!("redis.addrs[{index}]: {problem}")))?;
        if addresses.is_empty() {
            return Err(OpenError("redis.addrs names no server".to_owned()));
        }
        let topology = config.topology();
        let tls = addresses.iter().any(|address| matches!(address, Address::Tcp { tls: true, .. }));
        if tls && CryptoProvider::get_default().is_none() {
            // The client library takes the default of the process, and ends it when there is none. Another thread may be
            // faster: then there is one.
            let _ = aws_lc_rs::default_provider().install_default();
        }
        let shown: Vec<String> = addresses.iter().map(shown).collect();
        let place = match topology {
            Topology::Single => shown.join(""),
            Topology::Sentinel => format!("the master {} of the sentinels {}", config.mastername, shown.join(", ")),
            Topology::Cluster => format!("the cluster of {}", shown.join(", ")),
        };
        let addresses = addresses.into_iter().map(address).collect();
        Ok(Self { config: config.clone(), topology, addresses, tls, place })
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Connects, is let in, and sees a command answered.
    pub(super) async fn connect(&self, settings: &Settings) -> RedisResult<Connection> {
        let invalid = |reason| RedisError::from((ErrorKind::InvalidClientConfig, "certificates", reason));
        let certificates = self.certificates().await.map_err(invalid)?;
        // Every deadline is set by whoever calls.
        let options = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection = match self.topology {
            Topology::Single => self.single(certificates, &options).await?,
            Topology::Sentinel => self.sentinel(certificates, &options).await?,
            Topology::Cluster => self.cluster(certificates, settings).await?,
        };
        connection.send(cmd("HGET").arg(PROBED_KEY).arg("seal")).await?;
        Ok(connection)
    }

    async fn single(
        &self,
        certificates: Option<TlsCertificates>,
        options: &AsyncConnectionConfig,
    ) -> RedisResult<Connection> {
        let Some(address) = self.addresses.first() else { return Err(empty()) };
        let info = self.info(address.clone())?;
        let client = match certificates {
            Some(certificates) => Client::build_with_tls(info, certificates)?,
            None => Client::open(info)?,
        };
        let connection = Connection::Single(client.get_multiplexed_async_connection_with_config(options).await?);
        self.name(&connection).await?;
        Ok(connection)
    }

    async fn sentinel(
        &self,
        certificates: Option<TlsCertificates>,
        options: &AsyncConnectionConfig,
    ) -> RedisResult<Connection> {
        let config = &self.config;
        let addresses = self.addresses.clone();
        let mut builder = SentinelClientBuilder::new(addresses, &config.mastername, SentinelServerType::Master)?
            .set_client_to_redis_db(config.db)
            .set_client_to_redis_protocol(self.protocol());
        if self.tls {
            let modes = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            builder = modes.set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates {
            let trusting = builder.set_client_to_redis_certificates(certificates.clone());
            builder = trusting.set_client_to_sentinel_certificates(certificates);
        }
        if !config.username.is_empty() {
            builder = builder.set_client_to_redis_username(&config.username);
        }
        if !config.password.is_empty() {
            builder = builder.set_client_to_redis_password(config.password.expose());
        }
        if !config.sentinelusername.is_empty() {
            builder = builder.set_client_to_sentinel_username(&config.sentinelusername);
        }
        if !config.sentinelpassword.is_empty() {
            builder = builder.set_client_to_sentinel_password(config.sentinelpassword.expose());
        }
        let connection = Connection::Single(builder.build()?.get_async_connection_with_config(options).await?);
        self.name(&connection).await?;
        Ok(connection)
    }

    async fn cluster(&self, certificates: Option<TlsCertificates>, settings: &Settings) -> RedisResult<Connection> {
        let nodes: Vec<ConnectionInfo> =
            self.addresses.iter().map(|address| self.info(address.clone())).collect::<RedisResult<_>>()?;
        let redirects = u32::try_from(self.config.maxredirects).ok().filter(|redirects| *redirects > 0).unwrap_or(3);
        let mut builder = ClusterClientBuilder::new(nodes)
            .connection_timeout(settings.connect_time_max)
            .response_timeout(settings.patience)
            .retries(redirects)
            .max_connection_attempts(NonZeroUsize::MIN)
            .database_id(0);
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        Ok(Connection::Cluster(builder.build()?.get_async_connection().await?))
    }

    /// Tells a server the name of the connection.
    async fn name(&self, connection: &Connection) -> RedisResult<()> {
        let name = &self.config.clientname;
        if !name.is_empty() {
            connection.send(cmd("CLIENT").arg("SETNAME").arg(name)).await?;
        }
        Ok(())
    }

    fn info(&self, address: ConnectionAddr) -> RedisResult<ConnectionInfo> {
        let config = &self.config;
        let db = if self.topology == Topology::Cluster { 0 } else { config.db };
        let mut login = RedisConnectionInfo::default().set_db(db).set_protocol(self.protocol());
        if !config.username.is_empty() {
            login = login.set_username(&config.username);
        }
        if !config.password.is_empty() {
            login = login.set_password(config.password.expose());
        }
        login = if config.disableidentity {
            login.set_skip_set_lib_name()
        } else if config.identitysuffix.is_empty() {
            login.set_lib_name(LIBRARY, env!("CARGO_PKG_VERSION"))
        } else {
            login.set_lib_name(format!("{LIBRARY}({})", config.identitysuffix), env!("CARGO_PKG_VERSION"))
        };
        Ok(address.into_connection_info()?.set_redis_settings(login))
    }

    fn protocol(&self) -> ProtocolVersion {
        if self.config.protocol == 3 { ProtocolVersion::RESP3 } else { ProtocolVersion::RESP2 }
    }

    /// What the files of the configuration hold now; `None` where none is named.
    ///
    /// # Errors
    /// A sentence that names the key and the file.
    pub(super) async fn certificates(&self) -> Result<Option<TlsCertificates>, String> {
        let tls = &self.config.tls;
        if !tls.is_configured() {
            return Ok(None);
        }
        let mut roots = Vec::new();
        for (index, file) in tls.rootcas.iter().enumerate() {
            roots.extend(read(&format!("redis.tls.rootcas[{index}]"), Path::new(file), "CERTIFICATE-----").await?);
            roots.push(b'\n');
        }
        let client_tls = if tls.has_certificate() {
            let client_cert = read("redis.tls.certificate", &tls.certificate, "CERTIFICATE-----").await?;
            let client_key = read("redis.tls.key", &tls.key, "PRIVATE KEY-----").await?;
            Some(ClientTlsConfig { client_cert, client_key })
        } else {
            None
        };
        Ok(Some(TlsCertificates { client_tls, root_cert: (!roots.is_empty()).then_some(roots) }))
    }
}

fn empty() -> RedisError {
    RedisError::from((ErrorKind::InvalidClientConfig, "redis.addrs names no server"))
}

/// A PEM file that holds what it should, as far as its labels tell.
async fn read(key: &str, file: &Path, label: &str) -> Result<Vec<u8>, String> {
    let shown = file.display();
    let content = tokio::fs::read(file).await.map_err(|error| format!("{key}: {shown} can't be read: {error}"))?;
    let holds = content.windows(label.len()).any(|window| window == label.as_bytes());
    if holds { Ok(content) } else { Err(format!("{key}: {shown} holds no PEM with the label {label:?}")) }
}

fn address(address: Address) -> ConnectionAddr {
    match address {
        Address::Tcp { host, port, tls: false } => ConnectionAddr::Tcp(host, port),
        Address::Tcp { host, port, tls: true } => {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        }
        Address::Unix(path) => ConnectionAddr::Unix(path),
    }
}

fn shown(address: &Address) -> String {
    match address {
        Address::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
        Address::Tcp { host, port, .. } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string(),
    }
}
