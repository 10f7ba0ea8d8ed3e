//! The parameters of the object stores: `storage.s3`, `storage.oss`, `storage.azure`, `storage.gcs`, `storage.swift`.

mod endpoint;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{ByteSize, Period, Secret, Strings};
pub use endpoint::{Address, OssEndpoint, OssStyle, S3Endpoint};

/// The `s3` driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S3 {
    /// Access key. Without both keys the usual AWS sources are asked: environment, shared file, web identity, metadata.
    pub accesskey: Secret,
    /// Secret key.
    pub secretkey: Secret,
    /// Token of temporary keys, beside both of them.
    pub sessiontoken: Secret,
    /// Region; may be any text when `regionendpoint` is set.
    pub region: String,
    /// Host or URL of a service that speaks the S3 protocol; without a scheme it is https unless `secure` is false.
    pub regionendpoint: String,
    /// Puts the bucket into the path instead of the host name. When absent: true if `regionendpoint` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forcepathstyle: Option<bool>,
    /// The bucket; it must exist.
    pub bucket: String,
    /// Server-side encryption: AES256, or `aws:kms` when `keyid` is set.
    pub encrypt: bool,
    /// KMS key.
    pub keyid: String,
    /// Uses TLS.
    pub secure: bool,
    /// Accepts any certificate.
    pub skipverify: bool,
    /// Signature version 4. There is no other: false is refused.
    pub v4auth: bool,
    /// Size of an uploaded part: 5 MiB to 5 GiB. The default is doubled while half of
    /// `storage.uploads.part_memory_bytes_max` is free.
    pub chunksize: ByteSize,
    /// Size of a part copied within the store: 5 MiB to 5 GiB.
    pub multipartcopychunksize: ByteSize,
    /// Parts copied at the same time; at least 1.
    pub multipartcopymaxconcurrency: u32,
    /// Objects up to this size are copied in one request: up to 5 GiB.
    pub multipartcopythresholdsize: ByteSize,
    /// Prefix of every key.
    pub rootdirectory: String,
    /// Storage class of new objects; `NONE` leaves it to the bucket.
    pub storageclass: String,
    /// Canned access control list of new objects.
    pub objectacl: String,
    /// Added to the user agent.
    pub useragent: String,
    /// Uses the endpoints for IPv4 and IPv6.
    pub usedualstack: bool,
    /// Uses transfer acceleration.
    pub accelerate: bool,
    /// Uses the FIPS endpoints.
    pub usefipsendpoint: bool,
    /// What is logged of the traffic with the store: `off`, `debug`, `debugwithsigning`, `debugwithhttpbody`,
    /// `debugwithrequestretries`, `debugwithrequesterrors`, `debugwitheventstreambody`.
    pub loglevel: String,
    /// Scheme and host that clients are redirected to instead of the store's own.
    pub redirectendpoint: String,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            accesskey: Secret::default(),
            secretkey: Secret::default(),
            sessiontoken: Secret::default(),
            region: String::new(),
            regionendpoint: String::new(),
            forcepathstyle: None,
            bucket: String::new(),
            encrypt: false,
            keyid: String::new(),
            secure: true,
            skipverify: false,
            v4auth: true,
            chunksize: ByteSize::mib(10),
            multipartcopychunksize: ByteSize::mib(128),
            multipartcopymaxconcurrency: 100,
            multipartcopythresholdsize: ByteSize::mib(128),
            rootdirectory: String::new(),
            storageclass: "STANDARD".to_owned(),
            objectacl: "private".to_owned(),
            useragent: String::new(),
            usedualstack: false,
            accelerate: false,
            usefipsendpoint: false,
            loglevel: "off".to_owned(),
            redirectendpoint: String::new(),
        }
    }
}

/// The `oss` driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Oss {
    /// Access key. Without both keys the usual Alibaba Cloud sources are asked: environment, shared file, OIDC, RAM role.
    pub accesskeyid: Secret,
    /// Secret of the access key.
    pub accesskeysecret: Secret,
    /// Region, with or without the `oss-` before it; required.
    pub region: String,
    /// The bucket; required.
    pub bucket: String,
    /// Host or URL to use instead of the region's, with or without the bucket before it.
    pub endpoint: String,
    /// Uses the endpoint inside Alibaba's network.
    pub internal: bool,
    /// Server-side encryption: AES256, or KMS when `encryptionkeyid` is set.
    pub encrypt: bool,
    /// KMS key.
    pub encryptionkeyid: String,
    /// Uses TLS.
    pub secure: bool,
    /// Size of an uploaded part: at least 5 MiB. The default is doubled while half of
    /// `storage.uploads.part_memory_bytes_max` is free.
    pub chunksize: ByteSize,
    /// Prefix of every key.
    pub rootdirectory: String,
}

impl Default for Oss {
    fn default() -> Self {
        Self {
            accesskeyid: Secret::default(),
            accesskeysecret: Secret::default(),
            region: String::new(),
            bucket: String::new(),
            endpoint: String::new(),
            internal: false,
            encrypt: false,
            encryptionkeyid: String::new(),
            secure: true,
            chunksize: ByteSize::mib(10),
            rootdirectory: String::new(),
        }
    }
}

/// The `azure` driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Azure {
    /// Storage account; required.
    pub accountname: String,
    /// Its key.
    pub accountkey: Secret,
    /// The container; required.
    pub container: String,
    /// Domain of the service.
    pub realm: String,
    /// URL of the service; made of account and realm when empty.
    pub serviceurl: String,
    /// Prefix of every key.
    pub rootdirectory: String,
    /// Connection string, instead of account and key; it may have a shared access signature in the key's place.
    pub connectionstring: Secret,
    /// Accepts any certificate.
    pub skipverify: bool,
    /// Attempts after a failed one.
    pub max_retries: u32,
    /// Wait before such an attempt.
    pub retry_delay: Period,
    /// Other ways to log in than by key.
    pub credentials: AzureCredentials,
}

impl Default for Azure {
    fn default() -> Self {
        Self {
            accountname: String::new(),
            accountkey: Secret::default(),
            container: String::new(),
            realm: "core.windows.net".to_owned(),
            serviceurl: String::new(),
            rootdirectory: String::new(),
            connectionstring: Secret::default(),
            skipverify: false,
            max_retries: 5,
            retry_delay: Period::millis(100),
            credentials: AzureCredentials::default(),
        }
    }
}

/// How the `azure` driver logs in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AzureCredentials {
    /// `client_secret`, `shared_key` or `default_credentials`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Client id.
    pub clientid: String,
    /// Tenant id.
    pub tenantid: String,
    /// Client secret.
    pub secret: Secret,
}

/// The `gcs` driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gcs {
    /// The bucket; required.
    pub bucket: String,
    /// File with the service account's key, or another of Google's files of credentials. Without it and `credentials` the usual
    /// places are asked.
    pub keyfile: String,
    /// The content of such a file.
    pub credentials: BTreeMap<String, Secret>,
    /// Prefix of every key.
    pub rootdirectory: String,
    /// Size of an uploaded piece: a multiple of 256 KiB.
    pub chunksize: ByteSize,
    /// Requests at the same time; at least 25.
    pub maxconcurrency: u32,
    /// Added to the user agent.
    pub useragent: String,
}

impl Default for Gcs {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            keyfile: String::new(),
            credentials: BTreeMap::new(),
            rootdirectory: String::new(),
            chunksize: ByteSize::mib(16),
            maxconcurrency: 50,
            useragent: String::new(),
        }
    }
}

/// The `swift` driver. Without `username` and `applicationcredentialid`, the variables of OpenStack's own programs are read:
/// `OS_AUTH_URL`, `OS_USERNAME` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Swift {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// URL of Keystone, or of Swift's own login (`…/auth/v1.0`).
    pub authurl: String,
    /// Tenant's name.
    pub tenant: String,
    /// Tenant's id.
    pub tenantid: String,
    /// User's domain by name.
    pub domain: String,
    /// User's domain by id.
    pub domainid: String,
    /// Tenant's domain by name.
    pub tenantdomain: String,
    /// Tenant's domain by id.
    pub tenantdomainid: String,
    /// Trust id.
    pub trustid: String,
    /// Id of an application credential, which Keystone 3 takes instead of user and password.
    pub applicationcredentialid: String,
    /// Its secret.
    pub applicationcredentialsecret: Secret,
    /// Region.
    pub region: String,
    /// The container; required. It is made if it is not there.
    pub container: String,
    /// `public`, `internal` or `admin`.
    pub endpointtype: String,
    /// Accepts any certificate.
    pub insecureskipverify: bool,
    /// Size of an uploaded segment: 5 MiB to 5 GiB. Segments grow with the object.
    pub chunksize: ByteSize,
    /// Prefix of every key; `rootdirectory` is the same.
    pub prefix: String,
    /// Prefix of every key, under the name that other drivers use.
    pub rootdirectory: String,
    /// Key of temporary URLs, as the account or the container holds it. Without one, clients are not redirected.
    pub secretkey: Secret,
    /// Access key of temporary URLs. Only HP's cloud wanted one.
    pub accesskey: Secret,
    /// Version of the login, 1 to 3; 0 takes it from the URL, and 3 if it names none.
    pub authversion: u32,
    /// Takes the key of temporary URLs from the container.
    pub tempurlcontainerkey: bool,
    /// Methods for which temporary URLs are made.
    pub tempurlmethods: Strings,
}

impl Default for Swift {
    fn default() -> Self {
        Self {
            username: String::new(),
            password: Secret::default(),
            authurl: String::new(),
            tenant: String::new(),
            tenantid: String::new(),
            domain: String::new(),
            domainid: String::new(),
            tenantdomain: String::new(),
            tenantdomainid: String::new(),
            trustid: String::new(),
            applicationcredentialid: String::new(),
            applicationcredentialsecret: Secret::default(),
            region: String::new(),
            container: String::new(),
            endpointtype: "public".to_owned(),
            insecureskipverify: false,
            chunksize: ByteSize::mib(20),
            prefix: String::new(),
            rootdirectory: String::new(),
            secretkey: Secret::default(),
            accesskey: Secret::default(),
            authversion: 0,
            tempurlcontainerkey: false,
            tempurlmethods: Strings::default(),
        }
    }
}
