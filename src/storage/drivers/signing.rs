//! What signers need of this machine: files of credentials, the environment, a client for metadata and token services. And the
//! signer of S3.

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use opendal::{Error, ErrorKind, Result};
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, FileRead, HttpSend, OsEnv, Signer};

use super::transport::{Authorize, reasons};
use crate::config::drivers::S3;

/// A file of credentials larger than this is none.
const CREDENTIALS_BYTES_MAX: u64 = 1 << 20;

/// A signer's surroundings.
pub(super) fn context(client: reqwest::Client) -> Context {
    Context::new().with_file_read(Files).with_env(OsEnv).with_http_send(Client(client))
}

/// What a failure to sign is called, in all drivers.
pub(super) fn unsigned(error: &reqsign_core::Error) -> Error {
    let text = format!("the request can't be signed: {}", reasons(error));
    Error::new(ErrorKind::PermissionDenied, text).with_temporary(error.is_retryable())
}

/// Signs requests to S3 that OpenDAL does not make, with the credentials that it uses for its own.
pub(super) struct S3Signer(Signer<Credential>);

impl S3Signer {
    pub(super) fn new(config: &S3, region: &str, client: reqwest::Client) -> Self {
        let (context, request_signer) = (context(client), RequestSigner::new("s3", region));
        Self(if config.accesskey.is_empty() {
            Signer::new(context, DefaultCredentialProvider::new(), request_signer)
        } else {
            let keys = StaticCredentialProvider::new(config.accesskey.expose(), config.secretkey.expose());
            let token = config.sessiontoken.expose();
            let keys = if token.is_empty() { keys } else { keys.with_session_token(token) };
            Signer::new(context, keys, request_signer)
        })
    }
}

#[async_trait]
impl Authorize for S3Signer {
    async fn authorize(&self, request: &mut Parts) -> Result<()> {
        self.0.sign(request, None).await.map_err(|error| unsigned(&error))
    }
}

/// Credential files of this machine.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let failed = |error: std::io::Error| reqsign_core::Error::unexpected(format!("{path} can't be read: {error}"));
        let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
        if size > CREDENTIALS_BYTES_MAX {
            return Err(reqsign_core::Error::config_invalid(format!(
                "{path} has {size} bytes; it holds no credentials"
            )));
        }
        tokio::fs::read(path).await.map_err(failed)
    }
}

/// Asks the metadata service of the machine, and the token service.
#[derive(Debug)]
struct Client(reqwest::Client);

impl HttpSend for Client {
    async fn http_send(&self, request: Request<Bytes>) -> reqsign_core::Result<Response<Bytes>> {
        let failed = |error: reqwest::Error| reqsign_core::Error::unexpected(reasons(&error.without_url()));
        let (parts, body) = request.into_parts();
        let sent = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body).send();
        let answer = sent.await.map_err(failed)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        response.headers_mut().clone_from(answer.headers());
        *response.body_mut() = answer.bytes().await.map_err(failed)?;
        Ok(response)
    }
}
