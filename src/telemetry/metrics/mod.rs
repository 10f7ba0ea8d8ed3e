//! Metrics: counted always, because that costs next to nothing, and shown to Prometheus where the configuration says so.

mod handler;
mod histogram;
mod http;
mod notifications;
mod plugin;
mod redis;
mod requests;
mod storage;

use std::sync::Mutex;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use handler::Handler;
pub use http::{Counted, HttpMetrics};
pub use notifications::{Drop, HookMetrics, NotificationMetrics};
pub use plugin::{PluginFault, PluginMetrics, PluginsMetrics};
pub use redis::{RedisMetrics, RedisOperation};
pub use requests::{BreakerState, StoreOutcome, StoreRequest, StoreRequests};
pub use storage::{CacheMetrics, StorageAction, StorageMetrics};

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// 5 ms to 10 s: the buckets that Prometheus clients have by default, and one of 1 ms, in which most answers fall here.
const DURATION_BOUNDS_NANOS: [u64; 12] = [
    1_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// A nanosecond in seconds.
const NANO: f64 = 1e-9;

/// Everything that is measured in this process.
#[derive(Default)]
pub struct Metrics {
    registry: Mutex<Registry>,
}

impl Metrics {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something to be shown; what is handed in keeps counting.
    pub fn add(&self, collector: impl Collector + 'static) {
        self.lock().register_collector(Box::new(collector));
    }

    /// Metrics for requests, shown from now on.
    pub fn http(&self) -> HttpMetrics {
        let metrics = HttpMetrics::default();
        self.add(metrics.clone());
        metrics
    }

    /// Metrics for a storage backend, shown from now on.
    pub fn storage(&self, driver: &str) -> StorageMetrics {
        let metrics = StorageMetrics::new(driver);
        self.add(metrics.clone());
        metrics
    }

    /// Counts of the requests to a remote store, shown from now on.
    pub fn store_requests(&self, driver: &str) -> StoreRequests {
        let requests = StoreRequests::new(driver);
        self.add(requests.clone());
        requests
    }

    /// Metrics for the cache of blob descriptors, shown from now on.
    pub fn cache(&self) -> CacheMetrics {
        let metrics = CacheMetrics::default();
        self.add(metrics.clone());
        metrics
    }

    /// Metrics for Redis, shown from now on.
    pub fn redis(&self) -> RedisMetrics {
        let metrics = RedisMetrics::default();
        self.add(metrics.clone());
        metrics
    }

    /// Metrics for plugins, shown from now on.
    pub fn plugins(&self) -> PluginsMetrics {
        let metrics = PluginsMetrics::default();
        self.add(metrics.clone());
        metrics
    }

    /// Metrics for notification hooks, shown from now on.
    pub fn notifications(&self) -> NotificationMetrics {
        let metrics = NotificationMetrics::default();
        self.add(metrics.clone());
        metrics
    }

    /// All of it in the text form of OpenMetrics, which Prometheus reads; see [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = encode(&mut text, &self.lock());
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::http::Method;

    use super::*;

    #[test]
    fn the_names_are_those_of_distribution() {
        let metrics = Metrics::new();
        let (http, storage, cache) = (metrics.http(), metrics.storage("filesystem"), metrics.cache());
        let duration = Duration::from_millis(3);
        http.begin(Handler::Manifest);
        let counted = Counted { method: &Method::GET, status: 200, duration, request_bytes: 0, response_bytes: 2000 };
        http.finish(Handler::Manifest, counted);
        storage.finish(StorageAction::Get, duration);
        cache.hit();
        cache.miss();
        let text = metrics.encode();
        for line in [
            "registry_http_requests_total{code=\"200\",handler=\"manifest\",method=\"get\"} 1",
            "registry_http_in_flight_requests{handler=\"manifest\"} 0",
            "registry_http_request_duration_seconds_bucket{le=\"0.005\",handler=\"manifest\",method=\"get\"} 1",
            "registry_http_request_duration_seconds_count{handler=\"manifest\",method=\"get\"} 1",
            "registry_http_response_size_bytes_sum{handler=\"manifest\"} 2000.0",
            "registry_http_response_size_bytes_bucket{le=\"1024.0\",handler=\"manifest\"} 0",
            "registry_http_request_size_bytes_count{handler=\"manifest\"} 1",
            "registry_storage_action_seconds_count{action=\"GetContent\",driver=\"filesystem\"} 1",
            "registry_storage_cache_requests_total 2",
            "registry_storage_cache_hits_total 1",
            "registry_storage_cache_errors_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn a_client_cannot_make_labels() {
        let metrics = Metrics::new();
        let http = metrics.http();
        let method = Method::from_bytes(b"EVIL").unwrap();
        http.begin(Handler::Other);
        let duration = Duration::ZERO;
        http.finish(
            Handler::Other,
            Counted { method: &method, status: 999, duration, request_bytes: 0, response_bytes: 0 },
        );
        assert!(metrics.encode().contains("{code=\"599\",handler=\"other\",method=\"unknown\"} 1"));
    }
}
