//! What the guest is told when a request fails.

use std::error::Error as _;
use std::io;

use wasmtime_wasi_http::Error;

use super::super::dial::DialError;

/// Of a connection that did not come about.
pub(super) fn of_dial(error: DialError) -> Error {
    match error {
        DialError::NotGranted => Error::HttpRequestDenied,
        DialError::Prohibited(..) => Error::DestinationIpProhibited,
        DialError::Unresolved(_) => Error::DnsError { rcode: None, info_code: None },
        DialError::Failed(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            io::ErrorKind::TimedOut => Error::ConnectionTimeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
            _ => Error::DestinationUnavailable,
        },
    }
}

/// Of a TLS handshake.
pub(super) fn of_handshake(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: None }
        }
        _ => Error::TlsProtocolError,
    }
}

/// Of an exchange on a connection that stands.
pub(super) fn of_exchange(error: hyper::Error) -> Error {
    // A body that ended itself says why.
    if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<Error>()) {
        return match cause {
            Error::HttpRequestBodySize(size) => Error::HttpRequestBodySize(*size),
            _ => Error::HttpProtocolError,
        };
    }
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() || error.is_closed() {
        Error::HttpResponseIncomplete
    } else if error.source().is_some_and(|cause| cause.is::<io::Error>()) {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}
