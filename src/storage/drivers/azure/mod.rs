//! Azure Blob Storage.
//!
//! What OpenDAL signs for a reader would let it write and delete, too: URLs for clients are signed by [`urls`].

mod account;
mod urls;

use std::sync::Arc;

use ::opendal::{Operator, services};
use reqsign_azure_storage::{ClientSecretCredentialProvider, DefaultCredentialProvider};
use reqsign_core::ProvideCredentialChain;

use self::account::Account;
use self::urls::AzureUrls;
use super::diagnosis::Keys;
use super::network::Network;
use super::transport::ClientOptions;
use super::{OpenError, Store};
use crate::config::drivers::Azure;
use crate::storage::opendal::SignUrl;

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
    let account = Account::of(config).map_err(|(key, problem)| OpenError::at("azure", key, &problem))?;
    let endpoint = account.endpoint.url();
    let mut builder = services::Azblob::default()
        .endpoint(&endpoint)
        .account_name(&account.name)
        .container(&config.container)
        .root(&config.rootdirectory);
    let credentials = &config.credentials;
    match (account.key.as_ref(), &*credentials.kind) {
        // What is named is the only way to log in: what happens to stand in the environment must not take its place.
        (_, "client_secret") => {
            let application = ClientSecretCredentialProvider::new()
                .with_tenant_id(&credentials.tenantid)
                .with_client_id(&credentials.clientid)
                .with_client_secret(credentials.secret.expose());
            builder = builder.credential_provider_chain(ProvideCredentialChain::new().push(application));
        }
        (Some(key), kind) if kind != "default_credentials" => builder = builder.account_key(key.expose()),
        // The environment, workload identity, managed identity.
        _ => {
            let usual = ProvideCredentialChain::new().push(DefaultCredentialProvider::new());
            builder = builder.credential_provider_chain(usual);
        }
    }
    let operator = Operator::new(builder).map_err(|error| OpenError::new(error.to_string()))?;
    network.limits.attempts_max = config.max_retries.saturating_add(1);
    network.limits.pause = config.retry_delay;
    let client = network.client(ClientOptions { skipverify: config.skipverify, ..ClientOptions::default() })?;
    let urls = AzureUrls::new(&account, config).map_err(|problem| OpenError::at("azure", "accountkey", &problem))?;
    Ok(Store {
        name: "azure",
        operator: network.carry(operator, &client, None),
        options: network.opendal_options(),
        place: format!("the Azure container {} of {endpoint}", config.container),
        urls: urls.map(|urls| Arc::new(urls) as Arc<dyn SignUrl>),
        begun: None,
        keys: KEYS,
        client,
        own: None,
    })
}
