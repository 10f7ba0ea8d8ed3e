//! TLS from the client's side, and certificates to test with.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};

use super::http::{Connection, tcp};

/// A certificate for `localhost` and 127.0.0.1 that signs itself, and its key, both as PEM.
pub struct Certificate {
    pub pem: String,
    pub key_pem: String,
    pub der: CertificateDer<'static>,
}

impl Certificate {
    pub fn new() -> Self {
        Self::of(&["localhost", "127.0.0.1"])
    }

    /// For these names.
    pub fn of(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        Self { pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem(), der: made.cert.der().clone() }
    }
}

/// Connects with TLS, trusting this one certificate.
pub fn connect(address: SocketAddr, trusted: &CertificateDer<'static>) -> Connection {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate can be trusted");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a session");
    let stream = rustls::StreamOwned::new(session, tcp(address));
    Connection::over(Box::new(stream), &format!("localhost:{}", address.port()))
}
