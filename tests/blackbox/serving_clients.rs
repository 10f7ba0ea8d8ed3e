//! Clients that the serving tests need beyond HTTP/1.1: HTTP/2, and TLS with a say in what is offered.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::support::Connection;
use crate::support::http::tcp;
use crate::support::tls::Certificate;

/// The status that a server answers GET with over HTTP/2 without TLS.
pub fn h2_get(address: SocketAddr, target: &str) -> Result<u16, String> {
    h2_pull(address, target).map(|(status, _)| status)
}

/// The same with the body.
pub fn h2_pull(address: SocketAddr, target: &str) -> Result<(u16, Bytes), String> {
    run(async {
        let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        h2_exchange(stream, format!("http://{address}{target}")).await
    })
}

/// Runs to the end, but not for ever: a server that does not understand HTTP/2 may just wait.
fn run<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await.expect("an end in time") })
}

async fn h2_exchange<S>(stream: S, uri: String) -> Result<(u16, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(uri).body(Empty::<Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?;
    driver.abort();
    Ok((status, body.to_bytes()))
}

/// A TLS client that trusts one certificate.
pub struct Client {
    trusted: CertificateDer<'static>,
    own: Option<(CertificateDer<'static>, String)>,
}

impl Client {
    pub fn trusting(trusted: &CertificateDer<'static>) -> Self {
        Self { trusted: trusted.clone(), own: None }
    }

    /// The same, showing this certificate when it is asked for one.
    pub fn presenting(self, certificate: &Certificate) -> Self {
        Self { own: Some((certificate.der.clone(), certificate.key_pem.clone())), ..self }
    }

    fn config(&self, protocols: &[&str]) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.trusted.clone()).expect("a certificate can be trusted");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the default versions")
            .with_root_certificates(roots);
        let mut config = match &self.own {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                config.with_client_auth_cert(vec![certificate.clone()], key).expect("a pair")
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// An HTTP/1.1 connection.
    pub fn connect(&self, address: SocketAddr) -> Connection {
        let session = rustls::ClientConnection::new(self.config(&[]), name()).expect("a session");
        let stream = rustls::StreamOwned::new(session, tcp(address));
        Connection::over(Box::new(stream), &format!("localhost:{}", address.port()))
    }

    /// The protocol that the server chooses of these.
    pub fn protocol(&self, address: SocketAddr, offered: &[&str]) -> Option<String> {
        let mut session = rustls::ClientConnection::new(self.config(offered), name()).expect("a session");
        let mut stream: TcpStream = tcp(address);
        while session.is_handshaking() {
            session.complete_io(&mut stream).expect("a handshake");
        }
        session.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned())
    }

    /// The status that the server answers GET with over HTTP/2.
    pub fn h2_get(&self, address: SocketAddr, target: &str) -> Result<u16, String> {
        run(async {
            let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            let stream = TlsConnector::from(self.config(&["h2"])).connect(name(), stream).await;
            let stream = stream.map_err(|error| error.to_string())?;
            h2_exchange(stream, format!("https://localhost{target}")).await.map(|(status, _)| status)
        })
    }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}
