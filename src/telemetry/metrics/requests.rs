//! Requests that a remote store was sent: they are what it costs, in time and on the bill.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// What a request asks of a store: the label `request`, by the names of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the operations of S3")]
pub enum StoreRequest {
    GetObject,
    HeadObject,
    PutObject,
    CopyObject,
    DeleteObject,
    DeleteObjects,
    ListObjects,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    Other,
}

const REQUESTS: [&str; 13] = [
    "GetObject",
    "HeadObject",
    "PutObject",
    "CopyObject",
    "DeleteObject",
    "DeleteObjects",
    "ListObjects",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "Other",
];

/// How a request ended: the label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// Answered with success, or with something that is no failure: not found, a condition that does not hold.
    Answered,
    /// Refused for the rate of requests: 429 or 503.
    Throttled,
    /// Any other error of the store's.
    Refused,
    /// No answer came.
    Failed,
}

const OUTCOMES: [&str; 4] = ["answered", "throttled", "refused", "failed"];

/// Counts of the requests to a store. Clones count together.
#[derive(Debug, Clone)]
pub struct StoreRequests(Arc<PerStore>);

#[derive(Debug)]
struct PerStore {
    driver: String,
    counts: [[AtomicU64; OUTCOMES.len()]; REQUESTS.len()],
}

impl StoreRequests {
    /// For the backend of this name.
    pub fn new(driver: &str) -> Self {
        Self(Arc::new(PerStore { driver: driver.to_owned(), counts: Default::default() }))
    }

    /// A request was sent, and this came of it.
    pub fn count(&self, request: StoreRequest, outcome: StoreOutcome) {
        self.0.counts[request as usize][outcome as usize].fetch_add(1, Relaxed);
    }
}

impl Collector for StoreRequests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let name = "registry_storage_requests";
        let help = "Requests sent to the object store, each attempt by itself";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (counts, request) in self.0.counts.iter().zip(REQUESTS) {
            for (count, outcome) in counts.iter().zip(OUTCOMES) {
                let count = count.load(Relaxed);
                if count > 0 {
                    let labels = [("driver", &*self.0.driver), ("request", request), ("outcome", outcome)];
                    let mut family = metric.encode_family(&labels)?;
                    family.encode_counter::<prometheus_client::encoding::NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        Ok(())
    }
}
