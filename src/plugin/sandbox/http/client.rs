//! Sends one request: check, connect or take a connection that waits, send, and hand over the response as it arrives.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::super::destination::{Host, Scheme, Target};
use super::super::dial::{DialError, Dialler};
use super::super::meter::Meter;
use super::super::quota::Connections;
use super::super::refusals::Refusals;
use super::body::{Exchange, Outgoing, Received};
use super::error;
use super::pool::{Connection, Pool};

/// Until a connection stands, TLS included.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Until the response begins.
const FIRST_BYTE_TIME_MAX: Duration = Duration::from_secs(60);
/// From one piece of the response to the next.
const BETWEEN_BYTES_TIME_MAX: Duration = Duration::from_secs(60);
/// Of a response's header section.
const HEADER_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;

/// Sends the HTTP requests of one version of a plugin.
pub struct Client {
    dialler: Dialler,
    /// Absent where nothing is granted.
    tls: Option<Arc<ClientConfig>>,
    connections: Arc<Connections>,
    refusals: Arc<Refusals>,
    pool: Pool,
}

impl Client {
    /// Connects by `dialler`, within what `connections` leaves, and tells `refusals` of what was not granted.
    pub fn new(
        dialler: Dialler,
        tls: Option<Arc<ClientConfig>>,
        connections: Arc<Connections>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { dialler, tls, connections, refusals, pool: Pool::default() }
    }

    /// Sends a request whose URI is absolute.
    ///
    /// # Errors
    /// `HttpRequestDenied` for what is not granted, `DestinationIpProhibited` for a name behind which there are only addresses
    /// that may not be reached, `ConnectionLimitReached` when too many requests are on their way; else what went wrong.
    pub async fn send(
        self: Arc<Self>,
        mut request: Request<WasiBody>,
        options: RequestOptions,
        meter: Arc<Meter>,
    ) -> Result<Response<WasiBody>, Error> {
        // A tunnel would leave everything that is checked here behind.
        if *request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let target = target(request.uri())?;
        let first_byte_max = within(options.first_byte_timeout, FIRST_BYTE_TIME_MAX);
        let pause_max = within(options.between_bytes_timeout, BETWEEN_BYTES_TIME_MAX);
        let deadline = Instant::now() + within(options.connect_timeout, CONNECT_TIME_MAX);
        // Asked before there is a place among the connections, so that a refusal never has to wait.
        if !self.dialler.allows(&target) {
            return Err(self.refused(&target, DialError::NotGranted));
        }
        let permit = self.connections.take(deadline).await.ok_or(Error::ConnectionLimitReached)?;
        let origin = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(origin);
        *request.version_mut() = Version::HTTP_11;
        let mut request = request.map(|inner| Outgoing { inner, meter: Arc::clone(&meter) }.boxed_unsync());
        loop {
            let (mut connection, reused) = match self.pool.take(&target).await {
                Some(connection) => (connection, true),
                None => (self.connect(&target, deadline).await?, false),
            };
            let answer = timeout(first_byte_max, connection.sender.try_send_request(request)).await;
            match answer.map_err(|_| Error::HttpResponseTimeout)? {
                Ok(response) => return Ok(self.received(response, target, connection, permit, meter, pause_max)),
                // The server closed the connection while it waited, and has seen nothing of the request.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(error::of_exchange(failed.into_error())),
                },
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, target: Target, connection: Connection) {
        self.pool.put(target, connection);
    }

    fn received(
        self: Arc<Self>,
        response: Response<hyper::body::Incoming>,
        target: Target,
        connection: Connection,
        permit: OwnedSemaphorePermit,
        meter: Arc<Meter>,
        pause_max: Duration,
    ) -> Response<WasiBody> {
        let exchange = Exchange { client: self, target, connection, permit };
        response.map(|body| Received::new(body, meter, exchange, pause_max).boxed_unsync())
    }

    async fn connect(&self, target: &Target, deadline: Instant) -> Result<Connection, Error> {
        let connecting = async {
            let stream = self.dialler.connect(target).await.map_err(|error| self.refused(target, error))?;
            match target.scheme {
                Scheme::Https => {
                    let name = match &target.host {
                        Host::Name(name) => {
                            ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?
                        }
                        Host::Address(address) => ServerName::IpAddress((*address).into()),
                    };
                    let config = self.tls.clone().ok_or(Error::ConfigurationError)?;
                    let connector = TlsConnector::from(config);
                    let stream = connector.connect(name, stream).await.map_err(|error| error::of_handshake(&error))?;
                    drive(stream).await
                }
                Scheme::Http | Scheme::Tcp => drive(stream).await,
            }
        };
        timeout_at(deadline, connecting).await.map_err(|_| Error::ConnectionTimeout)?
    }

    fn refused(&self, target: &Target, problem: DialError) -> Error {
        self.refusals.of_dial(target, &problem);
        error::of_dial(problem)
    }
}

/// Begins to speak HTTP/1.1 on a stream.
async fn drive<S>(stream: S) -> Result<Connection, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEADER_BYTES_MAX).max_headers(HEADERS_MAX);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(error::of_exchange)?;
    // What ends the connection also ends the request on it, and is told there.
    let driver = wasmtime_wasi::runtime::spawn(async { drop(connection.await) });
    Ok(Connection { sender, driver })
}

/// Where a request goes. Its authority is the guest's text.
fn target(uri: &Uri) -> Result<Target, Error> {
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(Error::HttpProtocolError),
    };
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    // A user before the host is how one name is made to look like another.
    if authority.as_str().contains('@') {
        return Err(Error::HttpRequestUriInvalid);
    }
    let host = authority.host().parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let port = match authority.as_str().rsplit_once(':') {
        Some((before, _)) if before.len() >= authority.host().len() => authority.port_u16(),
        _ => scheme.default_port(),
    };
    let port = port.filter(|port| *port != 0).ok_or(Error::HttpRequestUriInvalid)?;
    Ok(Target { scheme, host, port })
}

/// What the guest wants, or what is the most that it can have.
fn within(wanted: Option<Duration>, max: Duration) -> Duration {
    wanted.map_or(max, |wanted| wanted.min(max))
}
