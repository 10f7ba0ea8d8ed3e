//! Metrics of HTTP requests, under the names of `distribution`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::Method;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::handler::Handler;
use super::histogram::Histogram;
use super::{DURATION_BOUNDS_NANOS, NANO};

/// 1 KiB to 2 GiB, doubling.
const SIZE_BOUNDS_BYTES: [u64; 22] = {
    let mut bounds = [1024; 22];
    let mut n = 1;
    while n < bounds.len() {
        bounds[n] = bounds[n - 1] * 2;
        n += 1;
    }
    bounds
};

/// The label `method`; any other method is `unknown`, so that clients cannot make labels.
const METHODS: [(&str, &str); 8] = [
    ("GET", "get"),
    ("HEAD", "head"),
    ("POST", "post"),
    ("PUT", "put"),
    ("PATCH", "patch"),
    ("DELETE", "delete"),
    ("OPTIONS", "options"),
    ("", "unknown"),
];

const STATUS_MIN: u16 = 100;
const STATUS_COUNT: usize = 500;

/// Everything counted about requests. Each cell of the tables has its place beforehand: counting takes no lock and no search.
#[derive(Debug, Clone)]
pub struct HttpMetrics(Arc<[PerHandler]>);

#[derive(Debug)]
struct PerHandler {
    in_flight: AtomicI64,
    /// By method and status.
    requests: Box<[AtomicU64]>,
    duration: [Histogram; METHODS.len()],
    request_size: Histogram,
    response_size: Histogram,
}

/// A finished request, as metrics see it.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The answer's status, 100 to 599.
    pub status: u16,
    /// From its head to the last byte of the answer.
    pub duration: Duration,
    /// Bytes of its body, as far as they were announced.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self(Handler::ALL.iter().map(|_| PerHandler::new()).collect())
    }
}

impl PerHandler {
    fn new() -> Self {
        Self {
            in_flight: AtomicI64::new(0),
            requests: (0..METHODS.len() * STATUS_COUNT).map(|_| AtomicU64::new(0)).collect(),
            duration: std::array::from_fn(|_| Histogram::new(&DURATION_BOUNDS_NANOS, NANO)),
            request_size: Histogram::new(&SIZE_BOUNDS_BYTES, 1.0),
            response_size: Histogram::new(&SIZE_BOUNDS_BYTES, 1.0),
        }
    }
}

impl HttpMetrics {
    /// A request has begun. Each begun request is finished or abandoned once.
    pub fn begin(&self, handler: Handler) {
        self.0[handler as usize].in_flight.fetch_add(1, Relaxed);
    }

    /// A request has ended.
    pub fn finish(&self, handler: Handler, counted: Counted<'_>) {
        let cells = &self.0[handler as usize];
        let name = counted.method.as_str();
        let method = METHODS.iter().position(|(known, _)| *known == name).unwrap_or(METHODS.len() - 1);
        let status = usize::from(counted.status.saturating_sub(STATUS_MIN)).min(STATUS_COUNT - 1);
        cells.in_flight.fetch_sub(1, Relaxed);
        cells.requests[method * STATUS_COUNT + status].fetch_add(1, Relaxed);
        cells.duration[method].observe(u64::try_from(counted.duration.as_nanos()).unwrap_or(u64::MAX));
        cells.request_size.observe(counted.request_bytes);
        cells.response_size.observe(counted.response_bytes);
    }

    fn handlers(&self) -> impl Iterator<Item = (&'static str, &PerHandler)> {
        Handler::ALL.iter().map(|handler| handler.as_str()).zip(self.0.iter())
    }

    fn encode_requests(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Requests answered";
        let mut metric = encoder.encode_descriptor("registry_http_requests", help, None, MetricType::Counter)?;
        for (handler, cells) in self.handlers() {
            for (n, count) in cells.requests.iter().enumerate() {
                let count = count.load(Relaxed);
                if count > 0 {
                    let code = (usize::from(STATUS_MIN) + n % STATUS_COUNT).to_string();
                    let labels = [("code", &*code), ("handler", handler), ("method", METHODS[n / STATUS_COUNT].1)];
                    metric
                        .encode_family(&labels)?
                        .encode_counter::<prometheus_client::encoding::NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        Ok(())
    }

    fn encode_durations(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Time from a request's head to the last byte of its answer";
        let name = "registry_http_request_duration";
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (handler, cells) in self.handlers() {
            for (histogram, (_, method)) in cells.duration.iter().zip(METHODS) {
                if !histogram.is_empty() {
                    histogram.encode(metric.encode_family(&[("handler", handler), ("method", method)])?)?;
                }
            }
        }
        Ok(())
    }

    fn encode_sizes(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        histogram: impl Fn(&PerHandler) -> &Histogram,
    ) -> std::fmt::Result {
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Histogram)?;
        for (handler, cells) in self.handlers().filter(|(_, cells)| !histogram(cells).is_empty()) {
            histogram(cells).encode(metric.encode_family(&[("handler", handler)])?)?;
        }
        Ok(())
    }
}

impl Collector for HttpMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        self.encode_requests(&mut encoder)?;
        self.encode_durations(&mut encoder)?;
        let help = "Sizes of request bodies";
        self.encode_sizes(&mut encoder, "registry_http_request_size", help, |cells| &cells.request_size)?;
        let help = "Sizes of the answers' bodies";
        self.encode_sizes(&mut encoder, "registry_http_response_size", help, |cells| &cells.response_size)?;
        let name = "registry_http_in_flight_requests";
        let mut metric = encoder.encode_descriptor(name, "Requests being answered", None, MetricType::Gauge)?;
        for (handler, cells) in self.handlers() {
            let now = ConstGauge::new(cells.in_flight.load(Relaxed));
            now.encode(metric.encode_family(&[("handler", handler)])?)?;
        }
        Ok(())
    }
}
