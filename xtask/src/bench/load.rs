//! Putting load on a server and measuring what it costs.
//!
//! A thread serves several connections in turn: it sends on each, then reads the answers in the same order and sends the
//! next request at once. So every connection has a request under way, and the client needs hardly any switches of context.

use super::client::{Answer, Connection};
use super::contestant::Contestant;
use anyhow::{Result, bail};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One connection's part of the work.
pub(super) trait Client: Send {
    /// Writes the next request; false when there is nothing left to do.
    fn request(&mut self, out: &mut Vec<u8>) -> Result<bool>;

    /// Takes the answer to it. Returns how many units of work were finished by it.
    fn answer(&mut self, answer: &Answer) -> Result<u64>;
}

/// What was measured.
#[derive(Clone, Copy, Default)]
pub(super) struct Sample {
    /// Units of work done: requests, mostly.
    pub(super) units: f64,
    pub(super) seconds: f64,
    /// The server's.
    pub(super) cpu_seconds: f64,
    /// Bytes of content in all units together; 0 where they do not matter.
    pub(super) bytes: f64,
    /// The server's memory in MiB, where that was measured.
    pub(super) memory_mib: Option<f64>,
    /// Requests that the server's object store had, where there is one.
    pub(super) store_requests: Option<f64>,
}

/// How a load ends and how many threads drive it.
#[derive(Clone, Copy)]
pub(super) struct Drive {
    /// Nothing new is begun after this.
    pub(super) seconds: f64,
    /// Small exchanges want few threads; large bodies want one for each connection, so that each flows by itself.
    pub(super) threads: usize,
}

/// Runs `clients`, a connection each.
pub(super) fn run(
    contestant: &Contestant,
    clients: Vec<Box<dyn Client>>,
    drive: Drive,
    bytes_per_unit: f64,
) -> Result<Sample> {
    let mut lanes = Vec::new();
    for client in clients {
        lanes.push(Lane { connection: Connection::open(contestant.address())?, client, open: true });
    }
    let lanes_per_thread = lanes.len().div_ceil(drive.threads.max(1));
    let units = AtomicU64::new(0);
    measured(contestant, || {
        let deadline = Instant::now() + Duration::from_secs_f64(drive.seconds);
        thread::scope(|scope| {
            let threads: Vec<_> = lanes
                .chunks_mut(lanes_per_thread)
                .map(|lanes| scope.spawn(|| turn(lanes, deadline).map(|done| units.fetch_add(done, Ordering::Relaxed))))
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(outcome) => outcome.map(drop),
                Err(_) => bail!("a thread of the load generator died"),
            })
        })?;
        let units = units.load(Ordering::Relaxed) as f64;
        Ok((units, units * bytes_per_unit))
    })
}

/// Measures any `work`, which returns its units and bytes.
pub(super) fn measured(contestant: &Contestant, work: impl FnOnce() -> Result<(f64, f64)>) -> Result<Sample> {
    let requests_before = contestant.store_requests()?;
    let cpu_before = contestant.cpu_seconds()?;
    let start = Instant::now();
    let (units, bytes) = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = contestant.cpu_seconds()? - cpu_before;
    if units == 0.0 {
        bail!("nothing was finished in {seconds:.1} s");
    }
    let store_requests = contestant.store_requests()?.zip(requests_before).map(|(now, before)| now - before);
    Ok(Sample { units, seconds, cpu_seconds, bytes, memory_mib: None, store_requests })
}

struct Lane {
    connection: Connection,
    client: Box<dyn Client>,
    open: bool,
}

/// Drives some connections until the deadline or the end of their work.
fn turn(lanes: &mut [Lane], deadline: Instant) -> Result<u64> {
    let (mut units, mut request) = (0, Vec::new());
    for lane in &mut *lanes {
        lane.send(&mut request)?;
    }
    while lanes.iter().any(|lane| lane.open) {
        let over = Instant::now() >= deadline;
        for lane in lanes.iter_mut().filter(|lane| lane.open) {
            let answer = lane.connection.receive()?;
            units += lane.client.answer(&answer)?;
            if over {
                lane.open = false;
            } else {
                lane.send(&mut request)?;
            }
        }
    }
    Ok(units)
}

impl Lane {
    fn send(&mut self, request: &mut Vec<u8>) -> Result<()> {
        request.clear();
        self.open = self.client.request(request)?;
        if self.open { self.connection.send(request) } else { Ok(()) }
    }
}

/// The same request again and again.
pub(super) struct Repeat {
    pub(super) request: Vec<u8>,
}

impl Client for Repeat {
    fn request(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        out.extend_from_slice(&self.request);
        Ok(true)
    }

    fn answer(&mut self, answer: &Answer) -> Result<u64> {
        answer.expect(200)?;
        Ok(1)
    }
}
