//! The sockets of a server, opened before anything is served, so that a port in use ends the start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::plugins::AdminListener;
use super::{StartError, plugins};
use crate::config::Config;
use crate::config::http::Net;
use crate::http::server::{Address, Listener, Settings, Tls};

/// With `http.draintimeout` 0 `distribution` cuts every request off. A push that only needs its last answer deserves better,
/// and whoever restarts a server does not want to wait: Docker, for one, kills after 10 s.
const DRAIN_DEFAULT: Duration = Duration::from_secs(5);

/// What the server listens on.
pub(super) struct Listeners {
    pub(super) main: Listener,
    pub(super) debug: Option<Listener>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) admin: Vec<AdminListener>,
}

impl Listeners {
    /// Opens the sockets, and reads what TLS needs.
    pub(super) async fn open(config: &Config) -> Result<Self, StartError> {
        let http = &config.http;
        let tls = if http.tls.certificate.as_os_str().is_empty() {
            None
        } else {
            Some(Arc::new(Tls::load(&http.tls, !http.http2.disabled).map_err(StartError::from)?))
        };
        let main = match Listener::inherited().map_err(StartError::from)? {
            Some(listener) => listener,
            None => Listener::bind(&address(http.net, &http.addr)).await.map_err(StartError::from)?,
        };
        let debug = match &*http.debug.addr {
            "" => None,
            addr => {
                let listener = Listener::bind(&address(Net::Tcp, addr)).await;
                Some(listener.map_err(|error| StartError(format!("http.debug.addr: {error}")))?)
            }
        };
        let admin = plugins::listeners(config).await?;
        Ok(Self { main, debug, tls, admin })
    }

    /// How the main listener speaks.
    pub(super) fn settings(&self, config: &Config) -> Settings {
        let http = &config.http;
        let drain = http.draintimeout;
        Settings {
            tls: self.tls.clone(),
            h2c: http.h2c.enabled,
            limits: http.limits.clone(),
            drain_timeout: if drain.is_zero() { DRAIN_DEFAULT } else { drain.get() },
        }
    }
}

fn address(net: Net, addr: &str) -> Address {
    match net {
        Net::Tcp => Address::Tcp(addr.to_owned()),
        Net::Unix => Address::Unix(PathBuf::from(addr)),
    }
}
