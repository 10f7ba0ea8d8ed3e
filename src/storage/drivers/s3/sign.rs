//! Signature version 4 of S3: on requests, and in URLs; and where its credentials come from.

use std::sync::Arc;
use std::time::Duration;

use ::opendal::{Error, ErrorKind, Result};
use async_trait::async_trait;
use http::header::HOST;
use http::request::Parts;
use http::{Request, StatusCode};
use reqsign_aws_v4::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider, EnvCredentialProvider,
    IMDSv2CredentialProvider, ProfileCredentialProvider, RequestSigner, StaticCredentialProvider,
};
use reqsign_core::SignRequest as _;

use super::super::credentials::{Client, Elsewhere, Renewed, Sources, context, unsigned};
use super::super::transport::Authorize;
use super::super::urls::{CONTENT_TYPE, escaped};
use crate::config::drivers::S3;
use crate::storage::opendal::SignUrl;

/// Where Amazon's own programs look for the address of a token service.
const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

/// Signs requests.
pub(super) struct S3Signer {
    keys: Renewed<Credential>,
    signer: RequestSigner,
}

impl S3Signer {
    pub(super) fn new(config: &S3, region: &str, client: Client) -> Self {
        let context = context(client.with_elsewhere(token_service()));
        Self { keys: Renewed::new(sources(config), context), signer: RequestSigner::new("s3", region) }
    }

    async fn sign(&self, request: &mut Parts, expires: Option<Duration>) -> Result<()> {
        let keys = self.keys.current().await?;
        let signed = self.signer.sign_request(self.keys.context(), request, Some(&keys), expires).await;
        signed.map_err(|error| unsigned(&error))?;
        // The client writes its own.
        request.headers.remove(HOST);
        Ok(())
    }
}

/// Keys that are given are the only ones: what happens to stand in the environment must not take their place.
fn sources(config: &S3) -> Sources<Credential> {
    if !config.accesskey.is_empty() {
        let keys = StaticCredentialProvider::new(config.accesskey.expose(), config.secretkey.expose());
        let token = config.sessiontoken.expose();
        let keys = if token.is_empty() { keys } else { keys.with_session_token(token) };
        return Sources::new("storage.s3.accesskey is given").then("storage.s3.accesskey", keys);
    }
    // Where the bucket is at Amazon, so is the nearest token service.
    let role = AssumeRoleWithWebIdentityCredentialProvider::new();
    let at_amazon = config.regionendpoint.is_empty() && std::env::var_os("AWS_REGION").is_none();
    let role = match at_amazon && std::env::var_os("AWS_STS_REGIONAL_ENDPOINTS").is_none() {
        true => role.with_region(config.region.clone()).with_regional_sts_endpoint(),
        false => role,
    };
    Sources::new("storage.s3.accesskey is empty")
        .then("the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", EnvCredentialProvider::new())
        .then("the role of AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE", role)
        .then("the profile of AWS_PROFILE in ~/.aws/credentials and ~/.aws/config", ProfileCredentialProvider::new())
        .then(
            "the container's role at AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI",
            ECSCredentialProvider::new(),
        )
        .finally("the machine's role at EC2's metadata service", IMDSv2CredentialProvider::new())
}

/// A token service that is not Amazon's, if the environment names one.
fn token_service() -> Option<Elsewhere> {
    let url = std::env::var(STS_ENDPOINT).ok().filter(|url| !url.is_empty())?;
    let is_usual = |host: &str| host.starts_with("sts.");
    Some(Elsewhere { is_usual, url: url.trim_end_matches('/').to_owned(), keeps_path: true })
}

#[async_trait]
impl Authorize for S3Signer {
    async fn authorize(&self, request: &mut Parts) -> Result<()> {
        self.sign(request, None).await
    }

    /// Keys may be revoked before their end; stores say that in several ways.
    async fn again(&self, _: &Parts, status: StatusCode) -> bool {
        matches!(status.as_u16(), 400 | 401 | 403) && self.keys.forget()
    }
}

/// URLs for clients, at the endpoint that clients can reach.
pub(super) struct S3Urls {
    signer: Arc<S3Signer>,
    /// What stands before a key; ends with a slash.
    base: String,
}

impl S3Urls {
    /// `bucket` is the bucket's URL.
    pub(super) fn new(signer: Arc<S3Signer>, bucket: &str, rootdirectory: &str) -> Self {
        let root = rootdirectory.trim_matches('/');
        let base = if root.is_empty() { format!("{bucket}/") } else { format!("{bucket}/{}/", escaped(root)) };
        Self { signer, base }
    }
}

#[async_trait]
impl SignUrl for S3Urls {
    async fn sign(&self, path: &str, expires: Duration) -> Result<String> {
        let kind = escaped(CONTENT_TYPE).replace('/', "%2F");
        let uri = format!("{}{}?response-content-type={kind}", self.base, escaped(path));
        let request =
            Request::get(uri).body(()).map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))?;
        let (mut parts, ()) = request.into_parts();
        self.signer.sign(&mut parts, Some(expires)).await?;
        Ok(parts.uri.to_string())
    }
}
