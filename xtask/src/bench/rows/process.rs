//! The process itself: how fast it is there, and what it holds while nothing happens.

use super::{Row, Unit, Who};
use crate::bench::contestant::Contestant;
use crate::bench::load::Sample;
use anyhow::Result;
use std::time::Duration;

/// What a server does behind its first answer should be over by then.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) fn rows() -> Vec<Row> {
    let start = Row::new("start to first answer".to_owned(), Who::Registries, Unit::Milliseconds, start);
    let idle = Row::new("idle memory (RSS)".to_owned(), Who::Registries, Unit::Memory, |contestant, _| {
        std::thread::sleep(SETTLE);
        let memory_mib = Some(contestant.memory_mib("VmRSS")?);
        Ok(Sample { units: 1.0, seconds: SETTLE.as_secs_f64(), memory_mib, ..Sample::default() })
    });
    vec![start.fresh(), idle.fresh()]
}

/// How long the server took to start.
pub(super) fn start(contestant: &Contestant, _round: u64) -> Result<Sample> {
    let seconds = contestant.started_in().as_secs_f64();
    Ok(Sample { units: 1.0, seconds, cpu_seconds: contestant.cpu_seconds()?, ..Sample::default() })
}
