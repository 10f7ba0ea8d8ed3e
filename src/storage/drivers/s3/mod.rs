//! Amazon S3, and the services that speak its protocol.
//!
//! Requests are signed by [`sign`] and not by OpenDAL, which would fetch credentials once for each of its operators,
//! tell nobody why it has none, and sign no URL that outlives them. Directory buckets are the exception: they want
//! sessions, which OpenDAL keeps.

mod sign;

use std::num::NonZeroUsize;
use std::sync::Arc;

use ::opendal::Operator;
use ::opendal::services;

use self::sign::{S3Signer, S3Urls};
use super::diagnosis::Keys;
use super::multipart::MultipartUploads;
use super::network::{self, Network};
use super::transport::{Authorize, ClientOptions};
use super::urls::OperatorUrls;
use super::{OpenError, Store};
use crate::config::drivers::{Address, S3, S3Endpoint};
use crate::storage::opendal::{CopyOptions, OpendalOptions, SignUrl};

pub(super) const KEYS: Keys = Keys {
    driver: "s3",
    bucket: "bucket",
    region: "region",
    endpoint: "regionendpoint",
    access: "accesskey",
    secret: "secretkey",
    skipverify: Some("skipverify"),
};

pub(super) fn open(config: &S3, network: &Network) -> Result<Store, OpenError> {
    let endpoint = config.endpoint().map_err(|(key, problem)| OpenError::at("s3", key, &problem))?;
    let options = ClientOptions { useragent: &config.useragent, skipverify: config.skipverify };
    let client = network.client(options)?;
    let signer = Arc::new(S3Signer::new(config, &endpoint.region, network.token_client()?));
    let authorize = Some(Arc::clone(&signer) as Arc<dyn Authorize>);
    let begun = MultipartUploads::new(
        network.way(&client, authorize.clone()),
        bucket_url(config, &endpoint),
        &config.rootdirectory,
    );
    let public = match config.redirectendpoint.as_str() {
        "" => endpoint.clone(),
        text => public_endpoint(config, &endpoint, text)?,
    };
    let operator = |endpoint: &S3Endpoint| {
        Operator::new(builder(config, endpoint)).map_err(|error| OpenError::new(error.to_string()))
    };
    let in_sessions = is_directory_bucket(config);
    let own = network.carry(operator(&endpoint)?, &client, authorize.filter(|_| !in_sessions));
    let urls: Arc<dyn SignUrl> = match in_sessions {
        true => Arc::new(OperatorUrls::new(network.carry(operator(&public)?, &client, None))),
        false => Arc::new(S3Urls::new(signer, &bucket_url(config, &public), &config.rootdirectory)),
    };
    let shown = match endpoint.virtual_host {
        true => format!("{} at {}", config.bucket, endpoint.address.url()),
        false => format!("{}/{}", endpoint.address.url(), config.bucket),
    };
    Ok(Store {
        name: "s3",
        operator: own,
        options: opendal_options(config, network),
        place: format!("the S3 bucket {shown} (region {})", endpoint.region),
        urls: Some(urls),
        begun: Some(Arc::new(begun)),
        keys: KEYS,
        client,
        own: None,
    })
}

/// A bucket of S3 Express.
fn is_directory_bucket(config: &S3) -> bool {
    config.bucket.ends_with("--x-s3")
}

fn bucket_url(config: &S3, endpoint: &S3Endpoint) -> String {
    let Address { scheme, authority, path } = &endpoint.address;
    match endpoint.virtual_host {
        true => format!("{scheme}://{}.{authority}{path}", config.bucket),
        false => format!("{}/{}", endpoint.address.url(), config.bucket),
    }
}

fn builder(config: &S3, endpoint: &S3Endpoint) -> services::S3 {
    let mut builder = services::S3::default()
        .bucket(&config.bucket)
        .region(&endpoint.region)
        .endpoint(&endpoint.address.url())
        .root(&config.rootdirectory);
    if endpoint.virtual_host {
        builder = builder.enable_virtual_host_style();
    }
    if !is_directory_bucket(config) {
        builder = builder.skip_signature().disable_config_load().disable_ec2_metadata();
    } else if !config.accesskey.is_empty() {
        // Keys that are given are the only ones: what happens to stand in the environment must not take their place.
        builder = builder.disable_config_load().disable_ec2_metadata();
        builder = builder.access_key_id(config.accesskey.expose()).secret_access_key(config.secretkey.expose());
        if !config.sessiontoken.is_empty() {
            builder = builder.session_token(config.sessiontoken.expose());
        }
    }
    if config.encrypt {
        builder = match config.keyid.as_str() {
            "" => builder.server_side_encryption_with_s3_key(),
            key => builder.server_side_encryption_with_customer_managed_kms_key(key),
        };
    }
    // What is the default anyway is not sent: some services refuse the headers, and none needs them.
    let class = config.storageclass.to_uppercase();
    if !matches!(&*class, "NONE" | "STANDARD") {
        builder = builder.default_storage_class(&class);
    }
    if config.objectacl != "private" {
        builder = builder.default_acl(&config.objectacl);
    }
    builder
}

fn opendal_options(config: &S3, network: &Network) -> OpendalOptions {
    let class = config.storageclass.to_uppercase();
    let default = matches!(&*class, "NONE" | "STANDARD") && config.objectacl == "private";
    OpendalOptions {
        part_bytes: config.chunksize.as_usize(),
        part_bytes_with_room: network::part_bytes_with_room(config.chunksize, S3::default().chunksize),
        copies: CopyOptions {
            // A copy in one request would have neither the class nor the access list.
            whole_bytes_max: if default { config.multipartcopythresholdsize.get() } else { 0 },
            part_bytes: config.multipartcopychunksize.as_usize(),
            concurrent: NonZeroUsize::new(config.multipartcopymaxconcurrency as usize).unwrap_or(NonZeroUsize::MIN),
        },
        ..network.opendal_options()
    }
}

/// Where clients are sent: the scheme and host of `redirectendpoint`, and the path that the store has.
fn public_endpoint(config: &S3, own: &S3Endpoint, text: &str) -> Result<S3Endpoint, OpenError> {
    let wrong = |problem: String| OpenError::at("s3", "redirectendpoint", &problem);
    let mut address = Address::parse(text, config.secure).map_err(wrong)?;
    let in_host = address.authority.strip_prefix(&*config.bucket).and_then(|rest| rest.strip_prefix('.'));
    let virtual_host = own.virtual_host && in_host.is_some();
    if let (true, Some(rest)) = (virtual_host, in_host) {
        address.authority = rest.to_owned();
    }
    address.path.clone_from(&own.address.path);
    Ok(S3Endpoint { address, virtual_host, region: own.region.clone() })
}
