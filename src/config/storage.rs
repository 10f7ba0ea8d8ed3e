//! `storage`: the storage driver and how data is treated in it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drivers::{Azure, Gcs, Oss, S3, Swift};
use super::plugin::Plugin;
use super::value::{ByteSize, Period, Strings};

/// Where the data lies. Exactly one driver; without any, `filesystem` with its defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// A directory of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<Filesystem>,
    /// The memory of this process; everything is lost when it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inmemory: Option<InMemory>,
    /// A bucket of Amazon S3 or of a service that speaks its protocol. `s3aws` is the same driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
    /// A bucket of Alibaba Cloud OSS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oss: Option<Oss>,
    /// A container of Azure Blob Storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
    /// A bucket of Google Cloud Storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs: Option<Gcs>,
    /// A container of OpenStack Swift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swift: Option<Swift>,
    /// A WebAssembly component. One that stands before another backend (a layer) has that one configured beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// Deletion of manifests, tags and blobs.
    pub delete: Delete,
    /// Redirection of blob downloads to the backend.
    pub redirect: Redirect,
    /// What is kept in memory to spare the backend.
    pub cache: Cache,
    /// Looking up the tags of a digest.
    pub tag: TagLookup,
    /// Purging of old uploads, and read-only mode.
    pub maintenance: Maintenance,
    /// Bounds of uploads in progress.
    pub uploads: Uploads,
    /// How requests are sent to an object store: limits, repetitions, and when to leave it alone for a while.
    pub requests: Requests,
}

/// The configured driver with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Driver<'a> {
    /// `filesystem`
    Filesystem(&'a Filesystem),
    /// `inmemory`
    InMemory(&'a InMemory),
    /// `s3`
    S3(&'a S3),
    /// `oss`
    Oss(&'a Oss),
    /// `azure`
    Azure(&'a Azure),
    /// `gcs`
    Gcs(&'a Gcs),
    /// `swift`
    Swift(&'a Swift),
    /// `plugin`
    Plugin(&'a Plugin),
}

impl Driver<'_> {
    /// The driver's key in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Filesystem(_) => "filesystem",
            Self::InMemory(_) => "inmemory",
            Self::S3(_) => "s3",
            Self::Oss(_) => "oss",
            Self::Azure(_) => "azure",
            Self::Gcs(_) => "gcs",
            Self::Swift(_) => "swift",
            Self::Plugin(_) => "plugin",
        }
    }
}

impl Storage {
    /// The configured driver; `None` when the section names none. A loaded configuration always names exactly one, or a plugin
    /// and what lies below it.
    pub fn driver(&self) -> Option<Driver<'_>> {
        self.plugin.as_ref().map(Driver::Plugin).or_else(|| self.native())
    }

    /// The configured driver that is no plugin: beside a plugin, what lies below it.
    pub fn native(&self) -> Option<Driver<'_>> {
        let Self { filesystem, inmemory, s3, oss, azure, gcs, swift, .. } = self;
        None.or(filesystem.as_ref().map(Driver::Filesystem))
            .or(inmemory.as_ref().map(Driver::InMemory))
            .or(s3.as_ref().map(Driver::S3))
            .or(oss.as_ref().map(Driver::Oss))
            .or(azure.as_ref().map(Driver::Azure))
            .or(gcs.as_ref().map(Driver::Gcs))
            .or(swift.as_ref().map(Driver::Swift))
    }
}

/// The `filesystem` driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filesystem {
    /// Directory under which `docker/registry/v2` lies; made when it is missing.
    pub rootdirectory: PathBuf,
    /// File operations at the same time; less than 25 counts as 25.
    pub maxthreads: u32,
}

impl Default for Filesystem {
    fn default() -> Self {
        Self { rootdirectory: PathBuf::from("/var/lib/registry"), maxthreads: 100 }
    }
}

/// The `inmemory` driver. It has no parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InMemory {}

/// Deletion.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Delete {
    /// Allows DELETE of manifests, tags and blobs.
    pub enabled: bool,
}

/// Redirection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redirect {
    /// Sends blobs through this server even where the backend could hand out signed URLs.
    pub disable: bool,
    /// How long such a URL is good.
    pub expires: Period,
    /// Smaller blobs are sent by this server.
    pub bytes_min: ByteSize,
    /// Only clients in these networks are sent to the storage, such as `10.0.0.0/8`; none named is all. Behind a proxy,
    /// the client is the first address of `X-Forwarded-For`, or that of `X-Real-IP`.
    pub networks: Strings,
}

impl Default for Redirect {
    fn default() -> Self {
        Self { disable: false, expires: Period::secs(1200), bytes_min: ByteSize::ZERO, networks: Strings::default() }
    }
}

/// Caches. Storage stays the truth; every cache can be thrown away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// Where descriptors are cached: what tells that a repository has a blob or a manifest. `layerinfo` is its old name.
    pub blobdescriptor: BlobDescriptorCache,
    /// Descriptors kept in memory at most; 0 sets no bound.
    pub blobdescriptorsize: u64,
    /// How long a descriptor counts: a blob or a manifest that another process has deleted may be served for so long after
    /// that. What this server deletes is gone at once, and tags are always read fresh. 0 remembers nothing. Where the data
    /// lies on this machine, nothing is remembered either.
    pub descriptor_age_max: Period,
    /// Memory for manifests, which never change under their digest; 0 keeps none.
    pub manifest_bytes_max: ByteSize,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            blobdescriptor: BlobDescriptorCache::default(),
            blobdescriptorsize: 10_000,
            descriptor_age_max: Period::secs(30),
            manifest_bytes_max: ByteSize::mib(16),
        }
    }
}

/// Where blob descriptors are cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum BlobDescriptorCache {
    /// Not at all.
    None,
    /// In the memory of this process.
    #[default]
    InMemory,
    /// In the server of the `redis` section.
    Redis,
}

/// Looking up tags.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TagLookup {
    /// Tag links read at the same time to find the tags of a digest; 0 is the number of processors.
    pub concurrencylimit: u32,
}

/// Upkeep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// Removal of uploads that nobody finished.
    pub uploadpurging: UploadPurging,
    /// Read-only mode.
    pub readonly: ReadOnly,
}

/// Removal of uploads that nobody finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UploadPurging {
    /// Turns it on.
    pub enabled: bool,
    /// An upload that was started longer ago is removed.
    pub age: Period,
    /// Time between two runs.
    pub interval: Period,
    /// Only reports what would be removed.
    pub dryrun: bool,
}

impl Default for UploadPurging {
    fn default() -> Self {
        Self { enabled: true, age: Period::hours(168), interval: Period::hours(24), dryrun: false }
    }
}

/// Read-only mode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOnly {
    /// Answers every writing method with 405.
    pub enabled: bool,
}

/// Bounds of uploads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Uploads {
    /// Memory that all uploads together may fill with bytes that the storage has not taken yet. Each one needs 128 KiB:
    /// where more are under way than that leaves room for (128 by default), they take 128 KiB each. Small bodies that
    /// are held whole may fill as much again.
    pub memory_bytes_max: ByteSize,
    /// Memory that parts of layers on their way to an object store may fill, of all uploads together. When it is spent,
    /// uploads wait for each other, and so do their clients; none fails. Each has room for two parts; one upload is
    /// always let through, even if its two parts are more than this. What is not counted: up to 512 KiB of each upload.
    pub part_memory_bytes_max: ByteSize,
    /// Smallest chunk that a client should send, told to it as `OCI-Chunk-Min-Length`; 0 tells nothing.
    pub chunk_bytes_min: ByteSize,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            memory_bytes_max: ByteSize::mib(16),
            part_memory_bytes_max: ByteSize::mib(256),
            chunk_bytes_min: ByteSize::ZERO,
        }
    }
}

/// Requests to an object store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    /// Requests under way at the same time; more wait. One counts until its answer begins, a download under way does not. `gcs`
    /// has a key of its own, `maxconcurrency`.
    pub concurrent_max: u32,
    /// How often a request is sent in all, when it fails for a reason that may pass: 429, 5xx, a broken connection, no answer.
    /// `azure` has a key of its own, `max_retries`.
    pub attempts_max: u32,
    /// The pause before the second attempt is a random time up to this one; before each further attempt, up to twice as long.
    /// `azure` has a key of its own, `retry_delay`.
    pub pause: Period,
    /// Longest pause between two attempts.
    pub pause_max: Period,
    /// How long it may take to connect to the store.
    pub connect_timeout: Period,
    /// How long the store may take to begin its answer; one more second for each 256 KiB that it is sent.
    pub answer_timeout: Period,
    /// The same where the store has work to do first: to put an object together of its parts, or to copy one. Longer
    /// than `deadline` it may be; then it is not asked again.
    pub work_timeout: Period,
    /// How long the store may send nothing in the middle of an answer.
    pub body_idle_timeout: Period,
    /// How long all attempts may take together, with the pauses and the wait for a place.
    pub deadline: Period,
    /// After so many failed attempts in a row nothing is sent for a while, and clients are answered 503 at once.
    pub breaker_failures: u32,
    /// How long that while is. Then one request goes out; if it fails too, the next while begins.
    pub breaker_pause: Period,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            concurrent_max: 100,
            attempts_max: 4,
            pause: Period::millis(100),
            pause_max: Period::secs(5),
            connect_timeout: Period::secs(10),
            answer_timeout: Period::secs(20),
            work_timeout: Period::secs(600),
            body_idle_timeout: Period::secs(30),
            deadline: Period::secs(60),
            breaker_failures: 20,
            breaker_pause: Period::secs(5),
        }
    }
}
