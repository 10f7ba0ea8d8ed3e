//! A HEAD request, and nothing more of an HTTP client than that takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::HOST;
use http::{Method, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Secret;

/// The status that `uri` answers HEAD with. Redirects are not followed.
pub(super) async fn status(uri: &str, headers: &BTreeMap<String, Vec<Secret>>) -> Result<u16, String> {
    let uri: Uri = uri.parse().map_err(|error| format!("{uri:?} is no URL: {error}"))?;
    let authority = uri.authority().ok_or("the URL has no host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let tls = uri.scheme_str() == Some("https");
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder().method(Method::HEAD).uri(target).header(HOST, authority.as_str());
    for (name, values) in headers {
        for value in values.iter() {
            request = request.header(name, value.expose());
        }
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).map_err(|error| error.to_string())?;
    let stream = TcpStream::connect((host, port)).await.map_err(|error| format!("connection failed: {error}"))?;
    if !tls {
        return ask(stream, request).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(Arc::new(client_config()?));
    let stream = connector.connect(name, stream).await.map_err(|error| format!("TLS failed: {error}"))?;
    ask(stream, request).await
}

async fn ask<S>(stream: S, request: Request<Empty<bytes::Bytes>>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string());
        // Dropped only now: the connection ends with its sender.
        drop(sender);
        answer.map(|response| response.status().as_u16())
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

/// Trusts whom the system trusts.
fn client_config() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
