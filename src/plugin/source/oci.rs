//! Pulling a component from a registry: `oci://host[:port]/repository@sha256:…`.
//!
//! Whatever the registry says, only bytes with the digests that were asked for are taken: the reference pins the manifest, the
//! manifest pins the layer.

use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::Secret;
use crate::config::plugin::RegistryLogin;
use crate::plugin::sandbox::permissions::read_secret;

/// Large components come in seconds even over slow lines; a registry that is silent for so long is away.
const TIME_MAX: Duration = Duration::from_secs(300);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A manifest of a component is a few hundred bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// The answer of a token server.
const TOKEN_BYTES_MAX: u64 = 256 << 10;

const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json";

/// What layers with a component are called: by the guide of the CNCF, and before there was one.
const LAYER_TYPES: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

/// A pinned reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    host: String,
    repository: String,
    /// `sha256:…` of the manifest.
    digest: String,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

/// Pulls a component of `bytes_max` at most, with the login for its registry if `logins` has one. The error is a sentence for the
/// operator.
pub(super) async fn pull(reference: &str, bytes_max: u64, logins: &[RegistryLogin]) -> Result<Bytes, String> {
    let reference = Reference::parse(reference)?;
    let login = logins.iter().find(|login| login.host == reference.host).map(Login::read).transpose()?;
    let mut registry = Registry::of(reference, login)?;
    let digest = registry.reference.digest.clone();
    let manifest = registry.get("manifests", &digest, MANIFEST_BYTES_MAX).await?;
    let layer = component_layer(&manifest)?;
    if layer.size > bytes_max {
        let size = layer.size;
        return Err(format!("its component has {size} bytes, more than limits.component_bytes_max; raise the limit"));
    }
    registry.get("blobs", &layer.digest, layer.size).await
}

impl Reference {
    fn parse(text: &str) -> Result<Self, String> {
        let refuse = || "it is no pinned reference; write oci://host/repository@sha256:… with 64 digits".to_owned();
        let rest = text.strip_prefix("oci://").ok_or_else(refuse)?;
        let (name, digest) = rest.split_once('@').ok_or_else(refuse)?;
        let (host, repository) = name.split_once('/').ok_or_else(refuse)?;
        // A tag beside the digest says nothing.
        let repository = match repository.rsplit_once(':') {
            Some((before, tag)) if !tag.contains('/') => before,
            _ => repository,
        };
        let is_name = !repository.is_empty()
            && repository
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_./".contains(&byte));
        if !is_name || host.is_empty() || !is_sha256(digest) {
            return Err(refuse());
        }
        Ok(Self { host: host.to_owned(), repository: repository.to_owned(), digest: digest.to_owned() })
    }

    /// Without TLS only on this machine, as other clients do.
    fn scheme(&self) -> &'static str {
        let name = self.host.rsplit_once(':').map_or(&*self.host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { &*self.host }
        });
        if is_local(name) { "http" } else { "https" }
    }
}

/// Whether a host is this machine.
fn is_local(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn is_sha256(digest: &str) -> bool {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn component_layer(manifest: &[u8]) -> Result<Layer, String> {
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|error| format!("it is no image manifest: {error}"))?;
    let found = manifest.layers.into_iter().find(|layer| LAYER_TYPES.contains(&layer.media_type.as_str()));
    let layer = found
        .ok_or("it has no layer of type application/wasm; pin the manifest of a component, not an index or an image")?;
    if !is_sha256(&layer.digest) {
        return Err("its layer has no SHA-256 digest".to_owned());
    }
    Ok(layer)
}

/// Who pulls.
struct Login {
    username: String,
    password: Secret,
}

impl Login {
    fn read(login: &RegistryLogin) -> Result<Self, String> {
        let refuse = |problem| format!("plugins.registries: the password for {} {problem}", login.host);
        Ok(Self { username: login.username.clone(), password: read_secret(&login.password).map_err(refuse)? })
    }

    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.username, Some(self.password.expose()))
    }
}

/// What a registry wants to see, known once it was asked.
enum Authorization {
    /// The login itself.
    Basic,
    /// A token for the repository.
    Bearer(String),
}

/// One repository of a registry.
struct Registry {
    client: Client,
    reference: Reference,
    login: Option<Login>,
    authorization: Option<Authorization>,
}

impl Registry {
    fn of(reference: Reference, login: Option<Login>) -> Result<Self, String> {
        let builder = Client::builder()
            .timeout(TIME_MAX)
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(SILENCE_MAX)
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")));
        let builder = if reference.scheme() == "http" { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| describe(&error))?;
        Ok(Self { client, reference, login, authorization: None })
    }

    /// A manifest or blob, checked against its digest.
    async fn get(&mut self, kind: &str, digest: &str, bytes_max: u64) -> Result<Bytes, String> {
        let Reference { host, repository, .. } = &self.reference;
        let url = format!("{}://{host}/v2/{repository}/{kind}/{digest}", self.reference.scheme());
        let mut response = self.send(&url).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            self.authorization = Some(self.authorize(&response).await?);
            response = self.send(&url).await?;
        }
        if !response.status().is_success() {
            return Err(format!(
                "GET {url} was answered {}; is it there, and may {} pull it?",
                response.status(),
                self.who()
            ));
        }
        let bytes = read(response, bytes_max).await?;
        let found = format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)));
        if found != digest {
            return Err(format!("GET {url} gave other bytes, with the digest {found}; they are not used"));
        }
        Ok(bytes)
    }

    async fn send(&self, url: &str) -> Result<Response, String> {
        let mut request = self.client.get(url).header(ACCEPT, MANIFEST_TYPES);
        request = match (&self.authorization, &self.login) {
            (Some(Authorization::Bearer(token)), _) => request.bearer_auth(token),
            (Some(Authorization::Basic), Some(login)) => login.on(request),
            _ => request,
        };
        request.send().await.map_err(|error| describe(&error))
    }

    fn who(&self) -> &str {
        self.login.as_ref().map_or("anybody", |login| &login.username)
    }

    /// What a refusal asks for: the login, or a token, which open registries give to everybody who asks.
    async fn authorize(&self, refusal: &Response) -> Result<Authorization, String> {
        let closed = || match &self.login {
            None => format!("the registry wants a login; give one for {} in plugins.registries", self.reference.host),
            Some(login) => format!(
                "the registry does not take the login of {} in plugins.registries; is the password right?",
                login.username
            ),
        };
        let challenge =
            refusal.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scheme = challenge.split(' ').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case("basic") && self.login.is_some() {
            return Ok(Authorization::Basic);
        }
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        let realm = parameter(challenge, "realm").filter(|_| is_bearer).ok_or_else(closed)?;
        let mut url: Url = realm.parse().map_err(|_| closed())?;
        let service = parameter(challenge, "service").unwrap_or_default();
        let scope = format!("repository:{}:pull", self.reference.repository);
        url.query_pairs_mut().append_pair("service", service).append_pair("scope", &scope);
        let mut request = self.client.get(url.clone());
        if let Some(login) = &self.login {
            // The registry names the place, and must not be able to have the password sent in the clear.
            if url.scheme() != "https" && !url.host_str().is_some_and(is_local) {
                return Err(format!("the registry asks for a login at {realm}, which is not https; nothing was sent"));
            }
            request = login.on(request);
        }
        let response = request.send().await.map_err(|error| describe(&error))?;
        if !response.status().is_success() {
            return Err(closed());
        }
        let text = read(response, TOKEN_BYTES_MAX).await?;
        let token: Token = serde_json::from_slice(&text).map_err(|_| closed())?;
        Ok(Authorization::Bearer(if token.token.is_empty() { token.access_token } else { token.token }))
    }
}

/// A parameter of a challenge. Commas inside quotes belong to the value.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    challenge[start..].split('"').next()
}

async fn read(mut response: Response, bytes_max: u64) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|error| describe(&error))? {
        if (bytes.len() + piece.len()) as u64 > bytes_max {
            return Err(format!("{} sends more than the {bytes_max} bytes that were expected", response.url()));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// The error with its causes: the first one alone says that something went wrong, the last one what.
fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn only_pinned_references_are_taken() {
        let reference = Reference::parse(&format!("oci://127.0.0.1:5000/plugins/auth:1.2@{DIGEST}")).unwrap();
        assert_eq!(reference.host, "127.0.0.1:5000");
        assert_eq!(reference.repository, "plugins/auth");
        assert_eq!(reference.digest, DIGEST);
        for text in [
            "oci://host/a:1".to_owned(),
            format!("oci://host@{DIGEST}"),
            format!("https://host/a@{DIGEST}"),
            "oci://host/a@sha256:00".to_owned(),
            format!("oci://host/../a b@{DIGEST}"),
        ] {
            assert!(Reference::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for (host, scheme) in [
            ("localhost", "http"),
            ("127.0.0.1:5000", "http"),
            ("[::1]:5000", "http"),
            ("registry.example", "https"),
            ("localhost.example:5000", "https"),
            ("10.0.0.1", "https"),
        ] {
            let reference = Reference::parse(&format!("oci://{host}/a@{DIGEST}")).unwrap();
            assert_eq!(reference.scheme(), scheme, "{host}");
        }
    }

    #[test]
    fn the_layer_with_the_component_is_found_by_its_type() {
        let manifest = |kind: &str| {
            format!(
                r#"{{"layers":[{{"mediaType":"text/plain","digest":"x","size":1}},{{"mediaType":"{kind}","digest":"{DIGEST}","size":7}}]}}"#
            )
        };
        assert_eq!(component_layer(manifest("application/wasm").as_bytes()).unwrap().size, 7);
        assert!(component_layer(manifest("application/vnd.oci.image.layer.v1.tar").as_bytes()).is_err());
        assert!(component_layer(b"{\"manifests\":[]}").is_err());
        assert!(component_layer(b"nothing").is_err());
    }

    #[test]
    fn a_challenge_is_read() {
        let challenge = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="a,b""#;
        assert_eq!(parameter(challenge, "realm"), Some("https://auth.example/token"));
        assert_eq!(parameter(challenge, "scope"), Some("a,b"));
        assert_eq!(parameter(challenge, "error"), None);
    }
}
