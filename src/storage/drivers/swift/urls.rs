//! Temporary URLs: signed with a key that the account or the container holds.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::opendal::{Error, ErrorKind, Result};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::super::urls::escaped;
use super::api::Api;
use super::session::Session;
use crate::config::Secret;
use crate::config::drivers::Swift;
use crate::storage::opendal::SignUrl;

/// How long a cluster may take to tell what it can do.
const INFO_TIME_MAX: Duration = Duration::from_secs(10);

/// Signs for reading.
pub(super) struct SwiftUrls {
    session: Arc<Session>,
    api: Arc<Api>,
    client: reqwest::Client,
    container: String,
    secret: Secret,
    /// What is fetched once: the key, unless the configuration has it, and the digest that the cluster takes.
    known: OnceCell<(Secret, hmac::Algorithm)>,
}

impl SwiftUrls {
    pub(super) fn new(session: Arc<Session>, api: Arc<Api>, client: reqwest::Client, config: &Swift) -> Self {
        let (container, secret) = (config.container.clone(), config.secretkey.clone());
        Self { session, api, client, container, secret, known: OnceCell::new() }
    }

    async fn find_out(&self) -> Result<(Secret, hmac::Algorithm)> {
        let secret = match self.secret.is_empty() {
            false => self.secret.clone(),
            true => {
                let failed = |error: crate::storage::StorageError| Error::new(ErrorKind::Unexpected, error.to_string());
                let headers = self.api.container_headers().await.map_err(failed)?;
                let held = ["x-container-meta-temp-url-key", "x-container-meta-temp-url-key-2"];
                let held = held.iter().find_map(|name| headers.get(*name)?.to_str().ok());
                Secret::new(held.unwrap_or_default())
            }
        };
        if secret.is_empty() {
            let text = "the container holds no key of temporary URLs; set one there, or storage.swift.secretkey";
            return Err(Error::new(ErrorKind::ConfigInvalid, text));
        }
        let current = self.session.current().await?;
        let at = format!("{}://{}/info", current.storage().scheme, current.storage().authority);
        Ok((secret, digest(self.info(&at).await.as_ref())))
    }

    /// What the cluster tells of itself, if it does.
    async fn info(&self, url: &str) -> Option<Value> {
        let answer = self.client.get(url).timeout(INFO_TIME_MAX).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }
}

/// The strongest of the digests that a cluster takes. Old ones take SHA-1 and nothing else, and new ones never that.
fn digest(info: Option<&Value>) -> hmac::Algorithm {
    let allowed = info.and_then(|info| info["tempurl"]["allowed_digests"].as_array());
    let allows = |name: &str| allowed.is_none_or(|names| names.iter().any(|found| found == name));
    if allows("sha256") {
        hmac::HMAC_SHA256
    } else if allows("sha512") {
        hmac::HMAC_SHA512
    } else {
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY
    }
}

/// The signature of a GET until a time, in seconds since 1970.
fn signature(secret: &Secret, algorithm: hmac::Algorithm, until: u64, path: &str) -> String {
    let key = hmac::Key::new(algorithm, secret.expose().as_bytes());
    HEXLOWER.encode(hmac::sign(&key, format!("GET\n{until}\n{path}").as_bytes()).as_ref())
}

#[async_trait]
impl SignUrl for SwiftUrls {
    async fn sign(&self, path: &str, expires: Duration) -> Result<String> {
        let (secret, algorithm) = self.known.get_or_try_init(|| self.find_out()).await?;
        let current = self.session.current().await?;
        let storage = current.storage();
        let name = format!("{}/{}", self.container, self.api.name(path));
        let until = SystemTime::now() + expires;
        let until = until.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // The service signs the path as it stands decoded.
        let account = percent_decode_str(&storage.path).decode_utf8_lossy();
        let signature = signature(secret, *algorithm, until, &format!("{account}/{name}"));
        Ok(format!("{}/{}?temp_url_sig={signature}&temp_url_expires={until}", storage.url(), escaped(&name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_signature_is_the_one_that_pythons_hmac_gives() {
        // The example of https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html with another digest.
        let secret = Secret::new("MYKEY");
        let path = "/v1/AUTH_account/container/object";
        let signed = signature(&secret, hmac::HMAC_SHA256, 1_512_508_563, path);
        assert_eq!(signed, "a87520fc7267c3e8a25c0173fca2c297a69fec3fca0744e54aa8b86a147b962e");
    }

    #[test]
    fn the_digest_is_one_that_the_cluster_takes() {
        let with = |names: Value| digest(Some(&json!({ "tempurl": { "allowed_digests": names } })));
        assert_eq!(digest(None), hmac::HMAC_SHA256);
        assert_eq!(with(json!(["sha1", "sha256"])), hmac::HMAC_SHA256);
        assert_eq!(with(json!(["sha512"])), hmac::HMAC_SHA512);
        assert_eq!(with(json!(["sha1"])), hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
    }
}
