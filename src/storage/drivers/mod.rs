//! From a driver's parameters to a storage: the object stores.
//!
//! Each driver maps its parameters to an operator of OpenDAL, with a way to the network of our own ([`network`]): each
//! request is guarded ([`guard`]), and each attempt of it signed and counted ([`transport`]), with [`credentials`] from
//! the configuration or from the usual places. What the store can do is not taken from its name but tried at start
//! ([`super::probe`]), and what goes wrong there is told in a sentence ([`diagnosis`]).

mod azure;
mod breaker;
mod credentials;
mod deleting;
mod diagnosis;
mod gcs;
mod guard;
mod multipart;
mod network;
mod oss;
mod s3;
mod swift;
mod transport;
mod trouble;
mod urls;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ::opendal::Operator;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;

use super::opendal::{BegunWrites, Explain, OpendalOptions, OpendalStorage, PartMemory, SignUrl};
use super::probe::{self, Depth, Explained, FetchUrl, Findings, Outcome, Step};
use super::{Result as StorageResult, Storage, StorageError};
use crate::config::storage::{Driver, Requests};
use crate::telemetry::metrics::StoreRequests;
use diagnosis::Keys;
use network::Network;

/// Why a store can't be used: one sentence that names the thing and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenError(String);

impl OpenError {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    fn at(driver: &str, key: &str, problem: &str) -> Self {
        Self(format!("storage.{driver}.{key}: {problem}"))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// A store that can be called, and of which nothing has been proved yet.
pub struct Store {
    name: &'static str,
    operator: Operator,
    options: OpendalOptions,
    place: String,
    urls: Option<Arc<dyn SignUrl>>,
    begun: Option<Arc<dyn BegunWrites>>,
    keys: Keys,
    client: reqwest::Client,
    own: Option<Arc<dyn Own>>,
}

/// What a driver does beside what OpenDAL does.
#[async_trait]
trait Own: Send + Sync + 'static {
    /// Before the first use of a store that may be written to.
    async fn prepare(&self) -> StorageResult<()> {
        Ok(())
    }

    /// What stands before the storage.
    fn around(&self, storage: OpendalStorage, options: &OpendalOptions) -> Arc<dyn Storage>;
}

impl Store {
    /// From a driver's parameters, with these limits of its requests; `None` for drivers that are no object stores.
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// Parameters that fit their keys but not each other.
    pub fn of(driver: Driver<'_>, limits: &Requests, requests: &StoreRequests) -> Option<Result<Self, OpenError>> {
        let network = Network { limits: limits.clone(), requests: requests.clone() };
        match driver {
            Driver::S3(config) => Some(s3::open(config, &network)),
            Driver::Oss(config) => Some(oss::open(config, &network)),
            Driver::Azure(config) => Some(azure::open(config, network)),
            Driver::Gcs(config) => Some(gcs::open(config, network)),
            Driver::Swift(config) => Some(swift::open(config, &network)),
            _ => None,
        }
    }

    /// With so much memory for parts of objects on their way to the store, all of them together.
    #[must_use]
    pub fn with_part_memory(mut self, bytes_max: u64) -> Self {
        self.options.part_memory = PartMemory::new(bytes_max);
        self
    }

    /// Where the data lies, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Tries the store out. `urls` says whether clients shall be sent there.
    pub async fn probe(&self, depth: Depth, urls: bool) -> Findings {
        // Believed to be able to do everything, so that everything is tried.
        let believed = Findings { conditional_put: true, urls: true, steps: Vec::new() };
        let storage = self.storage_with(&believed, None);
        let explain = |error: &StorageError| diagnosis::explain(&self.keys, &self.place, error);
        if let (Some(own), true) = (&self.own, depth != Depth::ReadOnly) {
            let started = Instant::now();
            if let Err(error) = own.prepare().await {
                let Explained { sentence, may_pass } = explain(&error);
                let took = started.elapsed();
                let step = Step { name: self.keys.bucket, outcome: Outcome::Fails, note: sentence, took, may_pass };
                return Findings { steps: vec![step], ..Findings::default() };
            }
        }
        let client = Client(self.client.clone());
        // Boxed, because it is large and awaited by what starts the server.
        Box::pin(probe::probe(&storage, depth, &explain, urls.then_some(&client as &dyn FetchUrl))).await
    }

    /// The storage, which does only what was found.
    pub fn storage(&self, findings: &Findings) -> Arc<dyn Storage> {
        let (keys, place) = (self.keys, self.place.clone());
        let explain = move |error: &StorageError| diagnosis::explain(&keys, &place, error).sentence;
        self.storage_with(findings, Some(Arc::new(explain)))
    }

    fn storage_with(&self, findings: &Findings, explain: Option<Explain>) -> Arc<dyn Storage> {
        let options = OpendalOptions {
            conditional_put: Some(findings.conditional_put),
            urls: self.urls.clone().filter(|_| findings.urls),
            explain,
            begun: self.begun.clone(),
            ..self.options.clone()
        };
        let storage = OpendalStorage::new(self.operator.clone(), self.name, options.clone());
        match &self.own {
            Some(own) => own.around(storage, &options),
            None => Arc::new(storage),
        }
    }
}

/// Asks like a client of the registry.
struct Client(reqwest::Client);

#[async_trait]
impl FetchUrl for Client {
    async fn fetch(&self, url: &str) -> Option<(u16, String, Bytes)> {
        let answer = self.0.get(url).send().await.ok()?;
        let status = answer.status().as_u16();
        let kind =
            answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Some((status, kind, answer.bytes().await.ok()?))
    }
}
