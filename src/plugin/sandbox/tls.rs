//! TLS towards others: for the HTTP requests that the host makes, and as `wasi:tls` for connections of a plugin's own.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_tls::{Error, TlsProvider, TlsTransport};

/// Trusts whom the system trusts, and the certificates in `authorities` besides, a file in PEM form.
///
/// # Errors
/// A sentence that names the file.
pub fn client_config(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = system_roots().clone();
    if let Some(file) = authorities {
        let refuse = |problem: String| format!("grants.ca: {} {problem}", file.display());
        let certificates =
            CertificateDer::pem_file_iter(file).map_err(|error| refuse(format!("can't be read: {error}")))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| refuse(format!("can't be read: {error}")))?;
            roots
                .add(certificate)
                .map_err(|error| refuse(format!("holds a certificate that can't be used: {error}")))?;
        }
        if roots.len() == before {
            return Err(refuse("holds no certificate in PEM form".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS can't be used: {error}"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Read once: it takes milliseconds, and systems have hundreds of them.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}

/// `wasi:tls` for whoever has the grant; for others every handshake fails with a sentence that says so.
pub struct Provider(Option<Arc<ClientConfig>>);

impl Provider {
    /// With a configuration if TLS is granted, else without.
    pub fn new(granted: Option<Arc<ClientConfig>>) -> Self {
        Self(granted)
    }
}

impl TlsProvider for Provider {
    fn connect(
        &self,
        server_name: String,
        transport: Box<dyn TlsTransport>,
    ) -> Pin<Box<dyn Future<Output = Result<Box<dyn wasmtime_wasi_tls::TlsStream>, Error>> + Send>> {
        let config = self.0.clone();
        Box::pin(async move {
            let config = config.ok_or_else(|| Error::msg("TLS is not granted to this plugin (grants.tls)"))?;
            let name = ServerName::try_from(server_name).map_err(|_| Error::msg("this is no name of a server"))?;
            let stream = TlsConnector::from(config).connect(name, transport).await.map_err(Error::msg)?;
            Ok(Box::new(Stream(stream)) as Box<dyn wasmtime_wasi_tls::TlsStream>)
        })
    }
}

/// A stream of ours, because the trait and tokio-rustls' stream are both somebody else's.
struct Stream(TlsStream<Box<dyn TlsTransport>>);

impl wasmtime_wasi_tls::TlsStream for Stream {}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    /// A second crypto library among the dependencies made this panic, in whatever code that names none (Redis, for one).
    #[test]
    fn rustls_finds_its_crypto_library_without_being_told() {
        let config = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty());
        assert!(!config.with_no_client_auth().crypto_provider().cipher_suites.is_empty());
    }
}
