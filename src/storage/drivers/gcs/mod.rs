//! Google Cloud Storage.
//!
//! OpenDAL would fetch a token for each request where there is a service account's key, and sends them to Google alone: [`login`]
//! does that. It still signs the URLs for clients, for which the key is enough.

mod login;

use std::sync::Arc;

use ::opendal::{Operator, services};
use data_encoding::BASE64;

use self::login::GcsLogin;
use super::deleting::OneByOne;
use super::diagnosis::Keys;
use super::network::Network;
use super::transport::{Authorize, ClientOptions};
use super::urls::OperatorUrls;
use super::{OpenError, Own, Store};
use crate::config::drivers::{Address, Gcs};
use crate::storage::opendal::OpendalOptions;

const KEYS: Keys = Keys {
    driver: "gcs",
    bucket: "bucket",
    region: "bucket",
    endpoint: "bucket",
    access: "keyfile",
    secret: "credentials",
    skipverify: None,
};

/// Where Google's own libraries look for a stand-in of the service, one that asks for no credentials.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";
/// And for the metadata service.
const METADATA: &str = "GCE_METADATA_HOST";

pub(super) fn open(config: &Gcs, mut network: Network) -> Result<Store, OpenError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (mut shown, mut own): (_, Option<Arc<dyn Own>>) = (String::new(), None);
    let mut builder = services::Gcs::default().bucket(&config.bucket).root(&config.rootdirectory).skip_signature();
    let mut signs = signing(config);
    let mut login = Some(Arc::new(GcsLogin::new(config, network.token_client()?)));
    if let Some(host) = variable(EMULATOR) {
        let url =
            Address::parse(&host, false).map_err(|problem| OpenError::new(format!("{EMULATOR} {problem}")))?.url();
        builder = builder.endpoint(&url);
        shown = format!(" at {url}");
        own = Some(Arc::new(OneByOne));
        // It asks for no credentials, and is given those only that somebody has named.
        let named = !config.keyfile.is_empty() || !config.credentials.is_empty();
        login = login.filter(|_| named || variable(login::FILE_VARIABLE).is_some() || variable(METADATA).is_some());
        signs = signs.endpoint(&url);
        if login.is_none() {
            signs = signs.skip_signature();
        }
    }
    let operator = |builder| Operator::new(builder).map_err(|error| OpenError::new(error.to_string()));
    network.limits.concurrent_max = config.maxconcurrency.max(25);
    let client = network.client(ClientOptions { useragent: &config.useragent, ..ClientOptions::default() })?;
    let signs = network.carry(operator(signs)?, &client, None);
    let operator = network.carry(operator(builder)?, &client, login.map(|login| login as Arc<dyn Authorize>));
    Ok(Store {
        name: "gcs",
        options: OpendalOptions {
            // Parts of an upload have to have 5 MiB; `chunksize` is about another way to upload, which may send smaller ones.
            part_bytes: config.chunksize.as_usize().max(5 << 20),
            ..network.opendal_options()
        },
        place: format!("the GCS bucket {}{shown}", config.bucket),
        urls: Some(Arc::new(OperatorUrls::new(signs))),
        begun: None,
        keys: KEYS,
        operator,
        client,
        own,
    })
}

/// What signs URLs: a service account's key, from wherever it may be.
fn signing(config: &Gcs) -> services::Gcs {
    let builder = services::Gcs::default().bucket(&config.bucket).root(&config.rootdirectory).disable_vm_metadata();
    if !config.credentials.is_empty() {
        return builder.disable_config_load().credential(&BASE64.encode(login::text(config).as_bytes()));
    }
    match config.keyfile.as_str() {
        "" => builder,
        path => builder.disable_config_load().credential_path(path),
    }
}

#[cfg(test)]
mod tests;
