//! TLS: certificates that are taken up anew when their files change, and what is asked of clients.

mod ciphers;
mod client_auth;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::config::tls::{MinimumTls, Tls as Config};

/// Why TLS cannot be had with these settings: one sentence that names the file or key and the mend.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub(super) String);

/// The TLS of a server; what new connections use can be exchanged while it runs.
pub struct Tls {
    config: Config,
    http2: bool,
    current: ArcSwap<ServerConfig>,
}

/// By what a changed file is recognized: when it was written, how long it is, and which file it is (a mounted secret is
/// exchanged by pointing a symbolic link elsewhere).
type Fingerprint = Vec<Option<(SystemTime, u64, u64)>>;

impl Tls {
    /// Reads the certificate, its key and the client authorities. `http2`: offer HTTP/2.
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read or used, or a cipher suite is unknown.
    pub fn load(config: &Config, http2: bool) -> Result<Self, TlsError> {
        let current = ArcSwap::new(Arc::new(server_config(config, http2)?));
        Ok(Self { config: config.clone(), http2, current })
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files again. If they cannot be used, the old certificate stays in service and the log says why.
    pub fn reload(&self) {
        match server_config(&self.config, self.http2) {
            Ok(config) => {
                self.current.store(Arc::new(config));
                tracing::info!(certificate = %self.config.certificate.display(), "new TLS certificate in service");
            }
            Err(error) => tracing::error!(%error, "the new TLS files cannot be used; the old ones stay in service"),
        }
    }

    /// Reloads on SIGHUP and whenever a file has changed, for as long as the server runs.
    pub async fn watch(self: Arc<Self>) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        let interval = self.config.reload.interval;
        let mut seen = self.fingerprint();
        loop {
            if interval.is_zero() {
                hangup.recv().await;
            } else {
                tokio::select! {
                    _ = hangup.recv() => {}
                    () = tokio::time::sleep(interval.get()) => {
                        if self.fingerprint() == seen {
                            continue;
                        }
                    }
                }
            }
            seen = self.fingerprint();
            self.reload();
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        use std::os::unix::fs::MetadataExt;
        let files = [&self.config.certificate, &self.config.key];
        let files = files.into_iter().map(PathBuf::as_path).chain(self.config.clientcas.iter().map(Path::new));
        let look = |file| {
            let meta = std::fs::metadata(file).ok()?;
            Some((meta.modified().ok()?, meta.len(), meta.ino()))
        };
        files.map(look).collect()
    }
}

fn server_config(config: &Config, http2: bool) -> Result<ServerConfig, TlsError> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let versions: &[_] = match config.minimumtls {
        MinimumTls::Tls12 => &[&TLS13, &TLS12],
        MinimumTls::Tls13 => &[&TLS13],
    };
    // As in Go, the list concerns TLS 1.2 only.
    if config.minimumtls == MinimumTls::Tls12 && !config.ciphersuites.is_empty() {
        provider.cipher_suites = ciphers::choose(&provider.cipher_suites, config.ciphersuites.iter())?;
    }
    let provider = Arc::new(provider);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| TlsError(format!("http.tls: {error}")))?;
    let builder = match client_auth::verifier(config, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = certificates("http.tls.certificate", &config.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&config.key).map_err(|error| unreadable("http.tls.key", &config.key, &error))?;
    let mut server = builder.with_single_cert(chain, key).map_err(|error| {
        let (certificate, key) = (config.certificate.display(), config.key.display());
        TlsError(format!("http.tls: the certificate {certificate} and the key {key} cannot be used together: {error}"))
    })?;
    server.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(server)
}

/// All certificates of a PEM file; there must be one.
fn certificates(key: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(unreadable(key, file, &pem::Error::NoItemsFound)),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(key, file, &error)),
    }
}

fn unreadable(key: &str, file: &Path, error: &pem::Error) -> TlsError {
    let file = file.display();
    TlsError(match error {
        pem::Error::Io(error) => format!("{key}: {file} cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("{key}: {file} holds nothing of the kind in PEM form"),
        error => format!("{key}: {file} is no good PEM file: {error}"),
    })
}

#[cfg(test)]
mod tests;
