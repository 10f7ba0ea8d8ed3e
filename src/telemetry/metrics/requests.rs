//! Requests that a remote store was sent: they are what it costs, in time and on the bill.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::histogram::Histogram;
use super::{DURATION_BOUNDS_NANOS, NANO};

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

impl StoreRequest {
    /// Its label.
    pub fn name(self) -> &'static str {
        REQUESTS[self as usize]
    }

    /// Whether the store answers only when it has worked through objects of any size.
    pub fn is_work_of_the_store(self) -> bool {
        matches!(self, Self::CopyObject | Self::UploadPartCopy | Self::CompleteMultipartUpload)
    }
}

/// Whether requests are sent to a store: the value of `registry_storage_breaker_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// They are: 0.
    Closed,
    /// One is out to see whether the store is back: 1.
    Trying,
    /// None is: 2.
    Open,
}

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
    durations: [Histogram; REQUESTS.len()],
    repeated: [AtomicU64; REQUESTS.len()],
    broke_off: AtomicU64,
    refused: AtomicU64,
    breaker: AtomicU64,
}

impl StoreRequests {
    /// For the backend of this name.
    pub fn new(driver: &str) -> Self {
        Self(Arc::new(PerStore {
            driver: driver.to_owned(),
            counts: Default::default(),
            durations: std::array::from_fn(|_| Histogram::new(&DURATION_BOUNDS_NANOS, NANO)),
            repeated: Default::default(),
            broke_off: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            breaker: AtomicU64::new(0),
        }))
    }

    /// A request was sent, and this came of it.
    pub fn count(&self, request: StoreRequest, outcome: StoreOutcome) {
        self.0.counts[request as usize][outcome as usize].fetch_add(1, Relaxed);
    }

    /// It took so long until an answer began, or none came.
    pub fn took(&self, request: StoreRequest, duration: Duration) {
        self.0.durations[request as usize].observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A request is sent once more.
    pub fn repeated(&self, request: StoreRequest) {
        self.0.repeated[request as usize].fetch_add(1, Relaxed);
    }

    /// An object's bytes broke off.
    pub fn broke_off(&self) {
        self.0.broke_off.fetch_add(1, Relaxed);
    }

    /// A request was not sent, because the store had failed too often.
    pub fn refused(&self) {
        self.0.refused.fetch_add(1, Relaxed);
    }

    /// How the breaker stands.
    pub fn breaker(&self, state: BreakerState) {
        self.0.breaker.store(state as u64, Relaxed);
    }

    fn encode_durations(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let name = "registry_storage_request_duration";
        let help = "Time until the object store began its answer, each attempt by itself";
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (histogram, request) in self.0.durations.iter().zip(REQUESTS) {
            if !histogram.is_empty() {
                histogram.encode(metric.encode_family(&[("driver", &*self.0.driver), ("request", request)])?)?;
            }
        }
        let name = "registry_storage_retries";
        let help = "Requests to the object store that were sent once more";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (count, request) in self.0.repeated.iter().zip(REQUESTS) {
            let count = count.load(Relaxed);
            if count > 0 {
                let labels = [("driver", &*self.0.driver), ("request", request)];
                let mut family = metric.encode_family(&labels)?;
                family.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }

    fn encode_faults(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let labels = [("driver", &*self.0.driver)];
        for (name, help, count) in [
            ("registry_storage_broken_downloads", "Answers of the object store that broke off", &self.0.broke_off),
            ("registry_storage_breaker_refused", "Requests that the open breaker held back", &self.0.refused),
        ] {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count.load(Relaxed), None)?;
        }
        let help = "Whether requests are sent to the object store: 0 yes, 1 one to try, 2 none";
        let mut metric = encoder.encode_descriptor("registry_storage_breaker_state", help, None, MetricType::Gauge)?;
        metric.encode_family(&labels)?.encode_gauge(&i64::try_from(self.0.breaker.load(Relaxed)).unwrap_or_default())
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
                    family.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        self.encode_durations(&mut encoder)?;
        self.encode_faults(&mut encoder)
    }
}
