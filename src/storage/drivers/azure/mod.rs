//! Azure Blob Storage.
//!
//! What OpenDAL signs for a reader would let it write and delete, too: URLs for clients are signed by [`urls`]. It signs requests
//! where there is the account's key; what else there is to log in with is in [`login`].

mod account;
mod login;
mod urls;

use std::sync::Arc;

use ::opendal::{Operator, services};

use self::account::Account;
use self::login::AzureLogin;
use self::urls::AzureUrls;
use super::deleting::OneByOne;
use super::diagnosis::Keys;
use super::network::Network;
use super::transport::{Authorize, ClientOptions};
use super::{OpenError, Own, Store};
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
    let login = AzureLogin::of(&account, config, network.token_client()?).map(Arc::new);
    builder = match (&login, &account.key) {
        (None, Some(key)) => builder.account_key(key.expose()),
        _ => builder.skip_signature(),
    };
    let operator = Operator::new(builder).map_err(|error| OpenError::new(error.to_string()))?;
    network.limits.attempts_max = config.max_retries.saturating_add(1);
    network.limits.pause = config.retry_delay;
    let client = network.client(ClientOptions { skipverify: config.skipverify, ..ClientOptions::default() })?;
    let urls = AzureUrls::new(&account, config).map_err(|problem| OpenError::at("azure", "accountkey", &problem))?;
    Ok(Store {
        name: "azure",
        // Each deletion in a batch would have to be signed by itself, before it gets to where that is done.
        own: login.as_ref().map(|_| Arc::new(OneByOne) as Arc<dyn Own>),
        operator: network.carry(operator, &client, login.map(|login| login as Arc<dyn Authorize>)),
        options: network.opendal_options(),
        place: format!("the Azure container {} of {endpoint}", config.container),
        urls: urls.map(|urls| Arc::new(urls) as Arc<dyn SignUrl>),
        begun: None,
        keys: KEYS,
        client,
    })
}
