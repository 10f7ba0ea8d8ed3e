//! Speaks with the admin listener of a running server.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::{Failure, Server};
use crate::cli::{Name, config};
use crate::config::plugin::Admin;
use crate::plugin::admin::Problem;

/// Loading a component may take as long as `limits.compile_time_max`, and some more.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);

/// The admin listener of one server.
pub(super) struct Client(Admin);

impl Client {
    /// From the configuration of the server.
    pub(super) fn of(server: &Server, name: Name) -> Result<Self, Failure> {
        let loaded = config::load_or_explain(server.config.clone(), name).map_err(|_| Failure::Told)?;
        let admin = loaded.config.admin;
        if admin.socket.as_os_str().is_empty() && admin.addr.is_empty() {
            return Err(Failure::Said(format!(
                "{} has no admin listener; give it one, such as socket = \"/run/wharf/admin.sock\" in [admin], and restart the \
                 server once. If the server runs with another configuration, name it: --config FILE",
                loaded.source
            )));
        }
        Ok(Self(admin))
    }

    /// Sends a request, and reads the answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(Failure::from)?;
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, "wharf").header(CONTENT_TYPE, "application/json");
        if self.0.socket.as_os_str().is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.0.token.expose()));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(Failure::from)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::from)?;
        let answer = async { tokio::time::timeout(ANSWER_TIME_MAX, self.send(request)).await };
        let (is_success, text) = runtime.block_on(answer).map_err(Failure::from)??;
        if is_success {
            return serde_json::from_slice(&text).map_err(|error| {
                Failure::Said(format!(
                    "the server answered something else than expected: {error}; has it the same version?"
                ))
            });
        }
        Err(Failure::Said(match serde_json::from_slice::<Problem>(&text) {
            Ok(problem) => problem.error,
            Err(_) => format!("the server answered: {}", String::from_utf8_lossy(&text).trim()),
        }))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(bool, Bytes), Failure> {
        let socket = &self.0.socket;
        if !socket.as_os_str().is_empty() {
            let stream = UnixStream::connect(socket).await.map_err(|error| unreachable(&socket.display(), &error))?;
            return exchange(stream, request).await;
        }
        let stream = TcpStream::connect(&self.0.addr).await.map_err(|error| unreachable(&self.0.addr, &error))?;
        exchange(stream, request).await
    }
}

fn unreachable(place: &dyn std::fmt::Display, error: &std::io::Error) -> Failure {
    let mend = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "run this as the user that the server runs as",
        _ => "is the server running, and with this configuration?",
    };
    Failure::Said(format!("the admin listener {place} can't be reached: {error}; {mend}"))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(bool, Bytes), Failure> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Failure::from)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(Failure::from)?;
    let is_success = response.status().is_success();
    let body = response.into_body().collect().await.map_err(Failure::from)?.to_bytes();
    connection.abort();
    Ok((is_success, body))
}
