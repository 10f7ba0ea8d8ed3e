//! Alibaba Cloud OSS. OpenDAL makes the requests, and signs none: its signature is V1, which the service refuses for accounts
//! and buckets of today. V4 is put on by [`sign`].

mod sign;

use std::sync::Arc;

use ::opendal::{Operator, services};

use self::sign::{OssSigner, OssUrls};
use super::diagnosis::Keys;
use super::multipart::MultipartUploads;
use super::network::{self, Network};
use super::transport::{Authorize, ClientOptions};
use super::{OpenError, Store};
use crate::config::drivers::{Oss, OssStyle};
use crate::storage::opendal::{OpendalOptions, SignUrl};

const KEYS: Keys = Keys {
    driver: "oss",
    bucket: "bucket",
    region: "region",
    endpoint: "endpoint",
    access: "accesskeyid",
    secret: "accesskeysecret",
    skipverify: None,
};

/// Where OpenDAL believes that a bucket is which has no host name of its own in the service's domain. Never called.
const STAND_IN: &str = "http://store.invalid";

pub(super) fn open(config: &Oss, network: &Network) -> Result<Store, OpenError> {
    let endpoint = config.endpoint().map_err(|(key, problem)| OpenError::at("oss", key, &problem))?;
    let client = network.client(ClientOptions::default())?;
    let own_host = endpoint.style == OssStyle::VirtualHost;
    let told = if own_host { endpoint.address.url() } else { STAND_IN.to_owned() };
    let mut builder =
        services::Oss::default().bucket(&config.bucket).endpoint(&told).root(&config.rootdirectory).skip_signature();
    if config.encrypt {
        builder = builder.server_side_encryption(if config.encryptionkeyid.is_empty() { "AES256" } else { "KMS" });
        if !config.encryptionkeyid.is_empty() {
            builder = builder.server_side_encryption_key_id(&config.encryptionkeyid);
        }
    }
    let operator = Operator::new(builder).map_err(|error| OpenError::new(error.to_string()))?;
    let signer = Arc::new(OssSigner::new(config, &endpoint, network.token_client()?));
    let urls: Arc<dyn SignUrl> = Arc::new(OssUrls::new(Arc::clone(&signer), config, &endpoint));
    let shown = match endpoint.style {
        OssStyle::OwnDomain => format!("{} at its own domain {}", config.bucket, endpoint.address.url()),
        OssStyle::VirtualHost => format!("{} at {}", config.bucket, endpoint.address.url()),
        OssStyle::Path => format!("{}/{}", endpoint.address.url(), config.bucket),
    };
    let (authorize, bucket) = (Some(Arc::clone(&signer) as Arc<dyn Authorize>), bucket_url(&told, &config.bucket));
    let begun = MultipartUploads::new(network.way(&client, authorize), bucket, &config.rootdirectory);
    Ok(Store {
        name: "oss",
        operator: network.carry(operator, &client, Some(signer)),
        options: OpendalOptions {
            part_bytes: config.chunksize.as_usize(),
            part_bytes_with_room: network::part_bytes_with_room(config.chunksize, Oss::default().chunksize),
            ..network.opendal_options()
        },
        place: format!("the OSS bucket {shown} (region {})", endpoint.region),
        begun: Some(Arc::new(begun)),
        // The service signs the host name too, which a domain of the bucket's own hides from the signer.
        urls: (endpoint.style != OssStyle::OwnDomain).then_some(urls),
        keys: KEYS,
        client,
        own: None,
    })
}

/// Where OpenDAL's own requests go before they are signed: a bucket stands in the host's name.
fn bucket_url(told: &str, bucket: &str) -> String {
    match told.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{bucket}.{rest}"),
        None => format!("https://{bucket}.{told}"),
    }
}
