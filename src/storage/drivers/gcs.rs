//! Google Cloud Storage.

use std::sync::Arc;

use ::opendal::{Operator, services};
use async_trait::async_trait;
use data_encoding::BASE64;

use super::deleting::{Deletes, Deleting};
use super::diagnosis::Keys;
use super::network::Network;
use super::transport::ClientOptions;
use super::urls::OperatorUrls;
use super::{OpenError, Own, Store};
use crate::config::drivers::{Address, Gcs};
use crate::storage::opendal::{OpendalOptions, OpendalStorage};
use crate::storage::{Result as StorageResult, Storage, StorageKey};

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

pub(super) fn open(config: &Gcs, mut network: Network) -> Result<Store, OpenError> {
    let mut builder = services::Gcs::default().bucket(&config.bucket).root(&config.rootdirectory);
    let (mut shown, mut own): (_, Option<Arc<dyn Own>>) = (String::new(), None);
    if let Some(host) = std::env::var(EMULATOR).ok().filter(|host| !host.is_empty()) {
        let url =
            Address::parse(&host, false).map_err(|problem| OpenError::new(format!("{EMULATOR} {problem}")))?.url();
        builder = builder.endpoint(&url).skip_signature();
        shown = format!(" at {url}");
        own = Some(Arc::new(Emulated));
    } else if !config.credentials.is_empty() {
        builder = builder.disable_config_load().disable_vm_metadata().credential(&inline(config));
    } else if !config.keyfile.is_empty() {
        builder = builder.disable_config_load().disable_vm_metadata().credential_path(&config.keyfile);
    }
    let operator = Operator::new(builder).map_err(|error| OpenError::new(error.to_string()))?;
    network.limits.concurrent_max = config.maxconcurrency.max(25);
    let client = network.client(ClientOptions { useragent: &config.useragent, ..ClientOptions::default() })?;
    let operator = network.carry(operator, &client, None);
    Ok(Store {
        name: "gcs",
        options: OpendalOptions {
            // Parts of an upload have to have 5 MiB; `chunksize` is about another way to upload, which may send smaller ones.
            part_bytes: config.chunksize.as_usize().max(5 << 20),
            ..network.opendal_options()
        },
        place: format!("the GCS bucket {}{shown}", config.bucket),
        urls: Some(Arc::new(OperatorUrls::new(operator.clone()))),
        begun: None,
        keys: KEYS,
        operator,
        client,
        own,
    })
}

/// An emulator, which may know no deletion of many objects in one request.
struct Emulated;

impl Own for Emulated {
    fn around(&self, storage: OpendalStorage, _: &OpendalOptions) -> Arc<dyn Storage> {
        Arc::new(Deleting::new(storage, OneByOne))
    }
}

struct OneByOne;

#[async_trait]
impl Deletes for OneByOne {
    async fn delete(&self, storage: &OpendalStorage, key: &StorageKey, _: Option<u64>) -> StorageResult<()> {
        storage.delete(std::slice::from_ref(key)).await
    }
}

/// The content of a key file, as OpenDAL takes it.
fn inline(config: &Gcs) -> String {
    let members: serde_json::Map<String, serde_json::Value> =
        config.credentials.iter().map(|(name, value)| (name.clone(), value.expose().into())).collect();
    BASE64.encode(serde_json::Value::Object(members).to_string().as_bytes())
}

#[cfg(test)]
mod tests;
