//! Signature version 4 of OSS: on requests, and in URLs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::opendal::{Error, ErrorKind, Result};
use async_trait::async_trait;
use http::header::{DATE, HOST};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, StatusCode, Uri};
use reqsign_aliyun_oss::{
    AssumeRoleWithOidcCredentialProvider, Credential, CredentialsUriCredentialProvider, DefaultCredentialProvider,
    EcsRamRoleCredentialProvider, RequestSigner, SigningVersion, StaticCredentialProvider,
};
use reqsign_core::SignRequest as _;

use super::super::credentials::{Client, Renewed, Sources, context, unsigned};
use super::super::transport::Authorize;
use super::super::urls::{CONTENT_TYPE, escaped};
use crate::config::drivers::{Oss, OssEndpoint, OssStyle};
use crate::storage::opendal::SignUrl;

/// Signs requests, and sends them where the bucket really is.
pub(super) struct OssSigner {
    keys: Renewed<Credential>,
    signer: RequestSigner,
    bucket: String,
    endpoint: OssEndpoint,
}

impl OssSigner {
    pub(super) fn new(config: &Oss, endpoint: &OssEndpoint, client: Client) -> Self {
        let signer = RequestSigner::new(&config.bucket)
            .with_signing_version(SigningVersion::V4)
            .with_region(endpoint.region.clone());
        let keys = Renewed::new(sources(config), context(client));
        Self { keys, signer, bucket: config.bucket.clone(), endpoint: endpoint.clone() }
    }

    async fn sign(&self, request: &mut Parts, expires: Option<Duration>) -> Result<()> {
        let keys = self.keys.current().await?;
        let signed = self.signer.sign_request(self.keys.context(), request, Some(&keys), expires).await;
        signed.map_err(|error| unsigned(&error))
    }

    /// Puts another host, and perhaps something before the path, into a request's URI.
    fn send_to_endpoint(&self, request: &mut Parts, before_path: &str) -> Result<()> {
        let wrong =
            |error: &dyn fmt::Display| Error::new(ErrorKind::Unexpected, format!("a URI can't be made: {error}"));
        let mut parts = std::mem::take(&mut request.uri).into_parts();
        // A URI without a path has one all the same, the one that is signed.
        let (path, query) = parts.path_and_query.as_ref().map_or(("/", None), |whole| (whole.path(), whole.query()));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("{before_path}{path}{query}").parse::<PathAndQuery>().map_err(|error| wrong(&error))?;
        let authority = self.endpoint.address.authority.parse::<Authority>().map_err(|error| wrong(&error))?;
        parts.scheme = Some(if self.endpoint.address.scheme == "http" { Scheme::HTTP } else { Scheme::HTTPS });
        (parts.authority, parts.path_and_query) = (Some(authority), Some(path));
        request.uri = Uri::from_parts(parts).map_err(|error| wrong(&error))?;
        Ok(())
    }
}

/// Keys that are given are the only ones.
fn sources(config: &Oss) -> Sources<Credential> {
    if !config.accesskeyid.is_empty() {
        let (key, secret) = (config.accesskeyid.expose(), config.accesskeysecret.expose());
        let keys = StaticCredentialProvider::new(key, secret);
        return Sources::new("storage.oss.accesskeyid is given").then("storage.oss.accesskeyid", keys);
    }
    // What lies on this machine; and the role that is assumed with it, if one is named.
    let here = DefaultCredentialProvider::builder().no_oidc().no_credentials_uri().no_ecs_ram_role().build();
    let here_is = "the variables ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, ~/.alibabacloud/credentials and \
                   ~/.aliyun/config.json";
    let role = AssumeRoleWithOidcCredentialProvider::new();
    Sources::new("storage.oss.accesskeyid is empty")
        .then("the role of ALIBABA_CLOUD_OIDC_TOKEN_FILE, _ROLE_ARN and _OIDC_PROVIDER_ARN", role)
        .then(here_is, here)
        .then("ALIBABA_CLOUD_CREDENTIALS_URI", CredentialsUriCredentialProvider::new())
        .finally("the machine's RAM role at the ECS metadata service", EcsRamRoleCredentialProvider::new())
}

#[async_trait]
impl Authorize for OssSigner {
    async fn authorize(&self, request: &mut Parts) -> Result<()> {
        // Set for a signature that is not made, and for a host that is not called.
        request.headers.remove(DATE);
        request.headers.remove(HOST);
        match self.endpoint.style {
            OssStyle::VirtualHost => self.sign(request, None).await,
            OssStyle::Path => {
                self.send_to_endpoint(request, &format!("/{}", self.bucket))?;
                self.sign(request, None).await
            }
            // The signature names the bucket, and not the host.
            OssStyle::OwnDomain => {
                self.sign(request, None).await?;
                self.send_to_endpoint(request, "")
            }
        }
    }

    /// Keys may be revoked before their end.
    async fn again(&self, _: &Parts, status: StatusCode) -> bool {
        matches!(status.as_u16(), 401 | 403) && self.keys.forget()
    }
}

/// URLs for clients, at the endpoint that clients can reach.
pub(super) struct OssUrls {
    signer: Arc<OssSigner>,
    /// Scheme and host, and in front of a key whatever belongs there; ends with a slash.
    base: String,
}

impl OssUrls {
    pub(super) fn new(signer: Arc<OssSigner>, config: &Oss, endpoint: &OssEndpoint) -> Self {
        // What lies inside Alibaba's network is no use to clients outside.
        let authority = endpoint.address.authority.replacen("-internal.aliyuncs.com", ".aliyuncs.com", 1);
        let (scheme, bucket) = (endpoint.address.scheme, &config.bucket);
        let host = match endpoint.style {
            OssStyle::Path => format!("{scheme}://{authority}/{bucket}"),
            OssStyle::VirtualHost | OssStyle::OwnDomain => format!("{scheme}://{bucket}.{authority}"),
        };
        let root = config.rootdirectory.trim_matches('/');
        let base = if root.is_empty() { format!("{host}/") } else { format!("{host}/{}/", escaped(root)) };
        Self { signer, base }
    }
}

#[async_trait]
impl SignUrl for OssUrls {
    async fn sign(&self, path: &str, expires: Duration) -> Result<String> {
        let uri = format!(
            "{}{}?response-content-type={}",
            self.base,
            escaped(path),
            escaped(CONTENT_TYPE).replace('/', "%2F")
        );
        let request = Request::get(uri).body(());
        let request = request.map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))?;
        let (mut parts, ()) = request.into_parts();
        self.signer.sign(&mut parts, Some(expires)).await?;
        Ok(parts.uri.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoint: &str) -> Oss {
        Oss {
            accesskeyid: crate::config::Secret::new("id"),
            accesskeysecret: crate::config::Secret::new("secret"),
            bucket: "images".to_owned(),
            region: "cn-hangzhou".to_owned(),
            endpoint: endpoint.to_owned(),
            rootdirectory: "/a b/".to_owned(),
            ..Oss::default()
        }
    }

    async fn authorized(endpoint: &str, uri: &str) -> Parts {
        let config = config(endpoint);
        let signer = OssSigner::new(&config, &config.endpoint().unwrap(), Client::default());
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        signer.authorize(&mut parts).await.unwrap();
        let authorization = parts.headers["authorization"].to_str().unwrap();
        assert!(authorization.starts_with("OSS4-HMAC-SHA256 Credential=id/"), "{authorization}");
        assert!(authorization.contains("/cn-hangzhou/oss/aliyun_v4_request"), "{authorization}");
        parts
    }

    #[tokio::test]
    async fn requests_go_where_the_bucket_is() {
        let stand_in = "http://images.store.invalid/key?list-type=2";
        let parts = authorized("http://127.0.0.1:80", stand_in).await;
        assert_eq!(parts.uri, "http://127.0.0.1:80/images/key?list-type=2");
        let parts = authorized("registry.example", stand_in).await;
        assert_eq!(parts.uri, "https://registry.example/key?list-type=2");
        let parts = authorized("http://127.0.0.1:80", "http://images.store.invalid?list-type=2").await;
        assert_eq!(parts.uri, "http://127.0.0.1:80/images/?list-type=2");
        let own = "https://images.oss-cn-hangzhou.aliyuncs.com/key";
        assert_eq!(authorized("", own).await.uri, own);
    }

    #[tokio::test]
    async fn urls_are_for_clients_outside() {
        let config = Oss { internal: true, ..config("") };
        let endpoint = config.endpoint().unwrap();
        let signer = Arc::new(OssSigner::new(&config, &endpoint, Client::default()));
        let url = OssUrls::new(signer, &config, &endpoint).sign("k+y", Duration::from_secs(60)).await.unwrap();
        let expected =
            "https://images.oss-cn-hangzhou.aliyuncs.com/a%20b/k%2By?response-content-type=application%2Foctet-stream&";
        assert!(url.starts_with(expected), "{url}");
        assert!(url.contains("x-oss-expires=60") && url.contains("x-oss-signature="), "{url}");
    }
}
