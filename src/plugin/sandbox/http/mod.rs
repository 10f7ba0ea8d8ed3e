//! `wasi:http/outgoing-handler`: HTTP requests out of the server, to where the plugin may connect.
//!
//! Each request is checked, and redirects are the guest's to follow, so each hop is checked too. Speaks HTTP/1.1, keeps
//! connections for the next request of the same version of the plugin, and takes no proxy from the environment.

mod body;
mod client;
mod error;
mod handler;
mod pool;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use http::{Request, Response};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::meter::Meter;
pub use client::Client;
pub use handler::link;

/// What drives a request: wasi-http wants one future for the response and one for the connection.
type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// Where `wasi:http` of one instance comes to us.
pub struct Hooks {
    client: Arc<Client>,
    meter: Arc<Meter>,
}

impl Hooks {
    /// Sends by `client`, and counts on `meter`.
    pub fn new(client: Arc<Client>, meter: Arc<Meter>) -> Self {
        Self { client, meter }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let (client, meter) = (Arc::clone(&self.client), Arc::clone(&self.meter));
        Box::new(async move {
            let response = client.send(request, options.unwrap_or_default(), meter).await?;
            // The connection is driven by a task of its own, which the body holds on to.
            Ok((response, Box::new(async { Ok(()) }) as Box<dyn Future<Output = Result<(), Error>> + Send>))
        })
    }

    // The errors below are the guest's to handle; as lines in the server's log they would be a flood that a guest can cause.

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &io::Error) -> ErrorCode {
        ErrorCode::ConnectionRefused
    }

    fn p2_error_from_tls(&mut self, _: &io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}
