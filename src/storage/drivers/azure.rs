//! Azure Blob Storage.
//!
//! Clients are not sent there: what OpenDAL signs for a reader would let it write and delete, too.

use std::num::NonZeroUsize;

use ::opendal::{Operator, services};
use opendal_http_transport_reqwest::ReqwestTransport;

use super::diagnosis::Keys;
use super::transport::{self, ClientOptions, Transport};
use super::{OpenError, Store};
use crate::config::drivers::Azure;
use crate::storage::opendal::OpendalOptions;
use crate::telemetry::metrics::StoreRequests;

const KEYS: Keys = Keys {
    driver: "azure",
    bucket: "container",
    region: "serviceurl",
    endpoint: "serviceurl",
    access: "accountname",
    secret: "accountkey",
    skipverify: Some("skipverify"),
};

pub(super) fn open(config: &Azure, requests: StoreRequests) -> Result<Store, OpenError> {
    let wrong = |error: ::opendal::Error| OpenError::at("azure", "connectionstring", error.message());
    let (builder, shown) = if config.connectionstring.is_empty() {
        let endpoint = config.endpoint().map_err(|(key, problem)| OpenError::at("azure", key, &problem))?.url();
        let mut builder = services::Azblob::default().endpoint(&endpoint).account_name(&config.accountname);
        // Without a key the usual sources are asked: environment, workload identity, managed identity.
        if !config.accountkey.is_empty() {
            builder = builder.account_key(config.accountkey.expose());
        }
        (builder, endpoint)
    } else {
        let builder = services::Azblob::from_connection_string(config.connectionstring.expose()).map_err(wrong)?;
        (builder, "the account of storage.azure.connectionstring".to_owned())
    };
    let builder = builder.container(&config.container).root(&config.rootdirectory);
    let operator = Operator::new(builder).map_err(|error| OpenError::new(error.to_string()))?;
    let client = transport::client(ClientOptions { skipverify: config.skipverify, ..ClientOptions::default() })?;
    let inner = ReqwestTransport::new(client.clone());
    let attempts = (config.max_retries as usize).saturating_add(1);
    Ok(Store {
        name: "azure",
        operator: Transport { inner, requests, authorize: None }.carry(operator),
        options: OpendalOptions {
            attempts_max: NonZeroUsize::new(attempts).unwrap_or(NonZeroUsize::MIN),
            pause: config.retry_delay.get(),
            ..OpendalOptions::default()
        },
        place: format!("the Azure container {} of {shown}", config.container),
        urls: None,
        keys: KEYS,
        client,
    })
}
