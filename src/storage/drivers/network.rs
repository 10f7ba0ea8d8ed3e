//! What every driver is given for its way to the store: limits, and counts for the metrics.

use std::sync::Arc;
use std::time::Duration;

use ::opendal::{HttpTransporter, OperationContext, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;

use super::OpenError;
use super::credentials::Client;
use super::guard::Guard;
use super::transport::{Authorize, ClientOptions, Transport, reasons};
use crate::config::storage::Requests;
use crate::config::value::ByteSize;
use crate::storage::opendal::OpendalOptions;
use crate::telemetry::metrics::StoreRequests;

/// Connections that are kept although nothing is asked.
const IDLE_CONNECTIONS_MAX: usize = 100;
/// How long it may take to reach what is on this machine's link. Elsewhere than in a cloud, nobody answers there at all.
const NEAR_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The size of parts while there is memory: twice the default, and never anything else than what somebody has written.
pub(super) fn part_bytes_with_room(written: ByteSize, default: ByteSize) -> usize {
    if written == default { default.as_usize().saturating_mul(2) } else { written.as_usize() }
}

/// The network between this server and one store.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) limits: Requests,
    pub(super) requests: StoreRequests,
}

impl Network {
    /// A client for one store. Proxies are taken from the environment, and so are certificates to trust: `SSL_CERT_FILE`.
    pub(super) fn client(&self, options: ClientOptions<'_>) -> Result<reqwest::Client, OpenError> {
        let own = concat!("wharf/", env!("CARGO_PKG_VERSION"));
        let agent = format!("{own} {}", options.useragent.trim());
        reqwest::Client::builder()
            .user_agent(agent.trim())
            .connect_timeout(self.limits.connect_timeout.get())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .tls_danger_accept_invalid_certs(options.skipverify)
            .build()
            .map_err(|error| {
                let mend = "install the system's CA certificates, or name a file of them in SSL_CERT_FILE";
                OpenError::new(format!("the client for the store can't be made: {}; {mend}", reasons(&error)))
            })
    }

    /// A client for token and metadata services. Whatever the store's certificate is: theirs is looked at.
    pub(super) fn token_client(&self) -> Result<Client, OpenError> {
        let far = self.client(ClientOptions::default())?;
        let near = reqwest::Client::builder().no_proxy().connect_timeout(NEAR_CONNECT_TIMEOUT).build();
        let near = near.map_err(|error| OpenError::new(format!("no client can be made: {}", reasons(&error))))?;
        Ok(Client { far, near, elsewhere: None })
    }

    /// Gives an operator this way to its store.
    pub(super) fn carry(
        &self,
        operator: Operator,
        client: &reqwest::Client,
        authorize: Option<Arc<dyn Authorize>>,
    ) -> Operator {
        let way = self.way(client, authorize);
        operator.with_context(OperationContext::new().with_http_transport(way))
    }

    /// A way to the store: each request guarded, and each attempt of it signed and counted. Its copies share the guard.
    pub(super) fn way(&self, client: &reqwest::Client, authorize: Option<Arc<dyn Authorize>>) -> HttpTransporter {
        let inner = ReqwestTransport::new(client.clone());
        let transport = Transport { inner, requests: self.requests.clone(), authorize };
        let guard = Guard::new(transport, &self.limits, self.requests.clone());
        HttpTransporter::new(guard)
    }

    /// How a storage over this network is used, before the driver has its say.
    pub(super) fn opendal_options(&self) -> OpendalOptions {
        let limits = &self.limits;
        OpendalOptions {
            // A call may be several requests; each of them keeps its own deadline.
            call_time_max: limits.deadline.get().saturating_mul(2),
            work_time_max: limits.work_timeout.get(),
            body_idle_time_max: limits.body_idle_timeout.get(),
            pause: limits.pause.get(),
            ..OpendalOptions::default()
        }
    }
}
