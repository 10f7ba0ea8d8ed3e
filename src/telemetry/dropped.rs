//! How many log lines nobody has read, as a metric.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::sink::Sink;

/// The lines that each log had to drop.
pub(super) struct Dropped(pub(super) Vec<(&'static str, Sink)>);

impl std::fmt::Debug for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(log, sink)| (log, sink.dropped()))).finish()
    }
}

impl Collector for Dropped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Log lines dropped because nobody read them";
        let mut metric = encoder.encode_descriptor("wharf_log_lines_dropped", help, None, MetricType::Counter)?;
        for (log, sink) in &self.0 {
            metric.encode_family(&[("log", *log)])?.encode_counter::<NoLabelSet, _, u64>(&sink.dropped(), None)?;
        }
        Ok(())
    }
}
