//! What is asked of clients: the four modes of Go's `tls.ClientAuthType` that ask for a certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::{TlsError, certificates};
use crate::config::tls::{ClientAuth, Tls as Config};

/// What checks client certificates; `None` when none is asked for, which is when there are no client authorities.
pub(super) fn verifier(
    config: &Config,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if config.clientcas.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for file in config.clientcas.iter() {
        for certificate in certificates("http.tls.clientcas", Path::new(file))? {
            roots.add(certificate).map_err(|error| {
                TlsError(format!("http.tls.clientcas: {file} holds a certificate that cannot be used: {error}"))
            })?;
        }
    }
    let any = |mandatory| -> Arc<dyn ClientCertVerifier> {
        Arc::new(AnyCertificate { mandatory, provider: Arc::clone(provider) })
    };
    let verified = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verified = match config.clientauth {
        ClientAuth::RequestClientCert => return Ok(Some(any(false))),
        ClientAuth::RequireAnyClientCert => return Ok(Some(any(true))),
        ClientAuth::VerifyClientCertIfGiven => verified.allow_unauthenticated(),
        ClientAuth::RequireAndVerifyClientCert => verified,
    };
    let verified = verified.build().map_err(|error| TlsError(format!("http.tls.clientcas: {error}")))?;
    Ok(Some(verified))
}

/// Takes any certificate whose key the client has, whoever issued it.
#[derive(Debug)]
struct AnyCertificate {
    mandatory: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
