//! Azure Blob Storage.
//!
//! Clients are not sent there: what OpenDAL signs for a reader would let it write and delete, too.

use ::opendal::{Operator, services};

use super::diagnosis::Keys;
use super::network::Network;
use super::transport::ClientOptions;
use super::{OpenError, Store};
use crate::config::drivers::Azure;

const KEYS: Keys = Keys {
    driver: "azure",
    bucket: "container",
    region: "serviceurl",
    endpoint: "serviceurl",
    access: "accountname",
    secret: "accountkey",
    skipverify: Some("skipverify"),
};

pub(super) fn open(config: &Azure, mut network: Network) -> Result<Store, OpenError> {
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
    network.limits.attempts_max = config.max_retries.saturating_add(1);
    network.limits.pause = config.retry_delay;
    let client = network.client(ClientOptions { skipverify: config.skipverify, ..ClientOptions::default() })?;
    Ok(Store {
        name: "azure",
        operator: network.carry(operator, &client, None),
        options: network.opendal_options(),
        place: format!("the Azure container {} of {shown}", config.container),
        urls: None,
        keys: KEYS,
        client,
    })
}
