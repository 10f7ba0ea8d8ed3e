//! The results as a Markdown table.

use super::load::Sample;
use super::rows::{Row, Unit};
use std::fmt::Write as _;

/// The samples of one server in one row.
pub(super) struct Results {
    pub(super) label: String,
    pub(super) samples: Vec<Sample>,
}

/// Its medians.
struct Medians {
    seconds: f64,
    rate: f64,
    cpu_each: f64,
    cpu_per_gb: f64,
    megabytes_per_second: f64,
    memory_mib: Option<f64>,
    store_requests: Option<f64>,
}

impl Medians {
    fn of(samples: &[Sample]) -> Self {
        let median_of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure).collect());
        Self {
            seconds: median_of(|sample| sample.seconds / sample.units),
            rate: median_of(|sample| sample.units / sample.seconds),
            cpu_each: median_of(|sample| sample.cpu_seconds / sample.units),
            cpu_per_gb: median_of(|sample| sample.cpu_seconds / (sample.bytes / 1e9)),
            megabytes_per_second: median_of(|sample| sample.bytes / 1e6 / sample.seconds),
            memory_mib: samples
                .iter()
                .all(|sample| sample.memory_mib.is_some())
                .then(|| median_of(|sample| sample.memory_mib.unwrap_or_default())),
            store_requests: samples
                .iter()
                .all(|sample| sample.store_requests.is_some())
                .then(|| median_of(|sample| sample.store_requests.unwrap_or_default() / sample.units)),
        }
    }
}

pub(super) const HEAD: &str = "\
| Work | Server | Result | CPU for each | CPU s per GB | Memory | Store requests | Wharf's result ÷ this | Wharf's CPU ÷ this |
|---|---|---:|---:|---:|---:|---:|---:|---:|
";

/// The lines of one row: Wharf first, the others with Wharf's ratio to them.
pub(super) fn lines(row: &Row, results: &[Results]) -> String {
    let mut text = String::new();
    let Some(own) = results.first().map(|results| Medians::of(&results.samples)) else { return text };
    for (at, results) in results.iter().enumerate() {
        let medians = Medians::of(&results.samples);
        let (mut work_ratio, mut cpu_ratio) = ("".to_owned(), "".to_owned());
        if at > 0 {
            (work_ratio, cpu_ratio) = ratios(row.unit, &own, &medians);
        }
        let work = if at == 0 { row.name.as_str() } else { "" };
        let [result, each, per_gb] = figures(row.unit, &medians);
        let memory = match (row.unit, medians.memory_mib) {
            (Unit::Memory, _) | (_, None) => String::new(),
            (_, Some(mib)) => format!("{mib:.0} MiB"),
        };
        let requests = medians.store_requests.map(|requests| format!("{requests:.1}")).unwrap_or_default();
        let label = &results.label;
        let _ = writeln!(
            text,
            "| {work} | {label} | {result} | {each} | {per_gb} | {memory} | {requests} | {work_ratio} | {cpu_ratio} |"
        );
    }
    text
}

fn figures(unit: Unit, medians: &Medians) -> [String; 3] {
    let each = duration(medians.cpu_each);
    match unit {
        Unit::Each => [rate(medians.rate), each, String::new()],
        Unit::Bytes => {
            [format!("{:.0} MB/s", medians.megabytes_per_second), each, format!("{:.2}", medians.cpu_per_gb)]
        }
        Unit::Milliseconds => [format!("{:.1} ms", medians.seconds * 1e3), each, String::new()],
        Unit::Memory => [format!("{:.1} MiB", medians.memory_mib.unwrap_or_default()), String::new(), String::new()],
    }
}

fn ratios(unit: Unit, own: &Medians, other: &Medians) -> (String, String) {
    let cpu = ratio(own.cpu_each, other.cpu_each);
    match unit {
        Unit::Each | Unit::Bytes => (ratio(own.rate, other.rate), cpu),
        Unit::Milliseconds => (ratio(own.seconds, other.seconds), cpu),
        Unit::Memory => {
            (ratio(own.memory_mib.unwrap_or_default(), other.memory_mib.unwrap_or_default()), String::new())
        }
    }
}

/// The middle of them; the mean of the two in the middle when their number is even.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let upper = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[upper],
        _ => f64::midpoint(figures[upper - 1], figures[upper]),
    }
}

fn ratio(own: f64, other: f64) -> String {
    // Below the clock's resolution there is nothing to compare.
    if other > 0.0 && own > 0.0 { format!("{:.2}", own / other) } else { "–".to_owned() }
}

fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.2} /s") } else { format!("{per_second:.0} /s") }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_figures_read_well() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(duration(0.000_045), "45 µs");
        assert_eq!(duration(0.0123), "12.3 ms");
        assert_eq!(rate(6800.4), "6800 /s");
        assert_eq!(ratio(1.0, 0.0), "–");
    }
}
