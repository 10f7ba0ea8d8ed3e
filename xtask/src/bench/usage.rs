//! What a server's processes have used, from `/proc`.

use anyhow::{Context, Result};
use std::fs;

/// The unit of the times in `/proc/PID/stat`: the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds that a process and its children have used so far, in user and kernel mode.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut ticks = Stat::of(pid).with_context(|| format!("the process {pid} has gone"))?.ticks;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(other) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        ticks += Stat::of(other).filter(|stat| stat.parent == pid).map_or(0, |stat| stat.ticks);
    }
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// CPU seconds of the processes that this one has started and that have ended.
pub(super) fn ended_children_cpu_seconds() -> Result<f64> {
    let stat = Stat::of(std::process::id()).context("this process has gone")?;
    Ok(stat.children_ticks as f64 / TICKS_PER_SECOND)
}

/// A process's memory now (`VmRSS`) or at its peak (`VmHWM`), in MiB.
pub(super) fn memory_mib(pid: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib: f64 = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no such field")?.trim().parse()?;
    Ok(kib / 1024.0)
}

struct Stat {
    parent: u32,
    ticks: u64,
    /// The part of `ticks` that children took which have ended.
    children_ticks: u64,
}

impl Stat {
    /// `None` when the process has ended.
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program stands in brackets and may hold anything.
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_ascii_whitespace().collect();
        // utime, stime, and the same of children that have ended: fields 14 to 17 of proc(5), which counts from 1.
        let ticks: Vec<u64> = fields.get(11..15)?.iter().filter_map(|field| field.parse().ok()).collect();
        let children_ticks = ticks.iter().skip(2).sum();
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks: ticks.iter().sum(), children_ticks })
    }
}
