//! What those who look for credentials need of this machine: files, the environment, a client for metadata and token services.

use ::opendal::{Error, ErrorKind};
use bytes::Bytes;
use http::{Request, Response, Uri};
use reqsign_core::{Context, FileRead, HttpSend, OsEnv};

use super::super::transport::reasons;

/// A file of credentials larger than this is none.
const CREDENTIALS_BYTES_MAX: u64 = 1 << 20;
/// An answer larger than this is none of a token service.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A signer's surroundings.
pub(in super::super) fn context(client: Client) -> Context {
    Context::new().with_file_read(Files).with_env(OsEnv).with_http_send(client)
}

/// What a failure to sign is called, in all drivers.
pub(in super::super) fn unsigned(error: &reqsign_core::Error) -> Error {
    let text = format!("the request can't be signed: {}", reasons(error));
    Error::new(ErrorKind::PermissionDenied, text).with_temporary(error.is_retryable())
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

/// A service that is somewhere else than where it usually is.
#[derive(Debug, Clone)]
pub(in super::super) struct Elsewhere {
    /// Whether a host is the usual one.
    pub(in super::super) is_usual: fn(&str) -> bool,
    /// Scheme, host and what stands before the path, without a slash at the end.
    pub(in super::super) url: String,
    /// Whether the usual path comes behind it.
    pub(in super::super) keeps_path: bool,
}

/// Asks the metadata service of the machine, and token services.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Client {
    /// For what lies outside, by way of the environment's proxy if it names one.
    pub(in super::super) far: reqwest::Client,
    /// For what only this machine can reach: never by way of a proxy, which would answer with credentials of its own.
    pub(in super::super) near: reqwest::Client,
    pub(in super::super) elsewhere: Option<Elsewhere>,
}

impl Client {
    pub(in super::super) fn with_elsewhere(mut self, elsewhere: Option<Elsewhere>) -> Self {
        self.elsewhere = elsewhere;
        self
    }

    fn target(&self, uri: &Uri) -> String {
        let host = uri.host().unwrap_or_default();
        match self.elsewhere.as_ref().filter(|elsewhere| (elsewhere.is_usual)(host)) {
            Some(elsewhere) if elsewhere.keeps_path => {
                let path = uri.path_and_query().map_or("/", |path| path.as_str());
                format!("{}{path}", elsewhere.url)
            }
            Some(elsewhere) => elsewhere.url.clone(),
            None => uri.to_string(),
        }
    }
}

/// Whether a host can't be meant for a proxy: this machine, its link, and Google's name for its metadata service.
fn is_near(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    match address {
        Ok(std::net::IpAddr::V4(address)) => {
            address.is_loopback() || address.is_link_local() || host == "100.100.100.200"
        }
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback() || host.contains("fd00:ec2::"),
        Err(_) => matches!(&*host, "localhost" | "metadata.google.internal" | "metadata"),
    }
}

impl HttpSend for Client {
    async fn http_send(&self, request: Request<Bytes>) -> reqsign_core::Result<Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let target = self.target(&parts.uri);
        // Without path and query, which may hold a token.
        let host =
            target.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default();
        let passes = |text: String| reqsign_core::Error::unexpected(format!("{host}: {text}")).set_retryable(true);
        let failed = |error: reqwest::Error| passes(reasons(&error.without_url()));
        let client = if is_near(&target) { &self.near } else { &self.far };
        let sent = client.request(parts.method, target.as_str()).headers(parts.headers).body(body).send();
        let mut answer = sent.await.map_err(failed)?;
        let status = answer.status();
        if matches!(status.as_u16(), 408 | 429 | 500..=599) {
            return Err(passes(format!("it answered with status {}", status.as_u16())));
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        response.headers_mut().clone_from(answer.headers());
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(reqsign_core::Error::unexpected(format!("{host}: the answer is too long for a token")));
            }
        }
        *response.body_mut() = bytes.into();
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_this_machine_can_reach_is_asked_without_a_proxy() {
        for url in [
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.23/v1/credentials",
            "http://100.100.100.200/latest",
            "http://127.0.0.1:80/role",
            "http://[::1]:80/role",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://metadata.google.internal/computeMetadata/v1",
        ] {
            assert!(is_near(url), "{url}");
        }
        for url in ["https://sts.eu-west-1.amazonaws.com/", "https://login.microsoftonline.com/t", "http://10.0.0.1/"] {
            assert!(!is_near(url), "{url}");
        }
    }

    #[test]
    fn a_service_may_be_somewhere_else() {
        let client = Client::default();
        let sts = "https://sts.amazonaws.com/".parse().unwrap();
        assert_eq!(client.target(&sts), "https://sts.amazonaws.com/");
        let is_usual = |host: &str| host.starts_with("sts.");
        let elsewhere = Elsewhere { is_usual, url: "http://127.0.0.1:1/sts".into(), keeps_path: true };
        assert_eq!(client.clone().with_elsewhere(Some(elsewhere.clone())).target(&sts), "http://127.0.0.1:1/sts/");
        let fixed = Elsewhere { keeps_path: false, ..elsewhere };
        assert_eq!(client.with_elsewhere(Some(fixed)).target(&sts), "http://127.0.0.1:1/sts");
    }
}
