//! The least that a server on S3 could do with an object: `xtask/signed-client`, beside which Wharf's CPU per GB means something.

use super::content::Family;
use super::load::Sample;
use super::store::Store;
use super::usage;
use crate::process::capture;
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

const BUFFER_BYTES: usize = 256 * 1024;

/// What it does with one object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Gets it and throws it away.
    Get,
    /// Gets it for somebody else.
    PassOn,
    /// Puts it, its payload unsigned and unread.
    Put,
    /// Puts it and takes its SHA-256.
    PutHashed,
    /// The same with what somebody else sends.
    TakeAndPutHashed,
}

impl Work {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Get => "plain signed client, gets",
            Self::PassOn => "plain signed client, gets and passes on",
            Self::Put => "plain signed client, puts",
            Self::PutHashed => "plain signed client, hashes and puts",
            Self::TakeAndPutHashed => "plain signed client, takes, hashes and puts",
        }
    }

    fn is_get(self) -> bool {
        matches!(self, Self::Get | Self::PassOn)
    }

    fn has_peer(self) -> bool {
        matches!(self, Self::PassOn | Self::TakeAndPutHashed)
    }
}

/// The client, and an object store of its own.
pub(super) struct Plain {
    binary: PathBuf,
    store: Store,
}

impl Plain {
    /// The client is `binary`; its store keeps its files in `folder`.
    pub(super) fn start(binary: PathBuf, gateway: &Path, folder: &Path) -> Result<Self> {
        Ok(Self { binary, store: Store::start(gateway, folder)? })
    }

    /// Makes sure that there is an object of this size to get.
    pub(super) fn prepare(&self, bytes: u64) -> Result<()> {
        self.run(Work::Put, bytes, &format!("got-{bytes}"), None)
    }

    /// Does it once, with an object of so many bytes.
    pub(super) fn measure(&self, work: Work, bytes: u64, round: u64) -> Result<Sample> {
        let key = if work.is_get() { format!("got-{bytes}") } else { format!("put-{bytes}-{round}") };
        let requests_before = self.store.requests()?;
        let cpu_before = usage::ended_children_cpu_seconds()?;
        let start = Instant::now();
        match work.has_peer() {
            false => self.run(work, bytes, &key, None)?,
            true => thread::scope(|scope| {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
                let address = listener.local_addr()?.to_string();
                let peer = scope.spawn(move || be_the_peer(&listener, work, bytes));
                self.run(work, bytes, &key, Some(&address))?;
                match peer.join() {
                    Ok(outcome) => outcome,
                    Err(_) => bail!("a thread of the load generator died"),
                }
            })?,
        }
        let seconds = start.elapsed().as_secs_f64();
        let cpu_seconds = usage::ended_children_cpu_seconds()? - cpu_before;
        let store_requests = Some(self.store.requests()? - requests_before);
        Ok(Sample { units: 1.0, seconds, cpu_seconds, bytes: bytes as f64, memory_mib: None, store_requests })
    }

    fn run(&self, work: Work, bytes: u64, key: &str, peer: Option<&str>) -> Result<()> {
        let mut command = Command::new(&self.binary);
        let (access, secret) = Store::KEYS;
        command.args([&self.store.url(key), access, secret]);
        match work {
            Work::Get | Work::PassOn => command.arg("get"),
            Work::Put => command.args(["put", &bytes.to_string()]),
            Work::PutHashed | Work::TakeAndPutHashed => command.args(["put-hashed", &bytes.to_string()]),
        };
        capture(command.args(peer)).map(drop)
    }
}

/// The client of the plain client.
fn be_the_peer(listener: &TcpListener, work: Work, bytes: u64) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    if !work.is_get() {
        let blob = Family::new(bytes).blob(0);
        return blob.pieces().try_for_each(|piece| stream.write_all(piece)).context("the plain client went away");
    }
    let (mut buffer, mut seen) = (vec![0; BUFFER_BYTES], 0);
    loop {
        match stream.read(&mut buffer)? as u64 {
            0 => break,
            more => seen += more,
        }
    }
    ensure!(seen == bytes, "the plain client passed on {seen} of {bytes} bytes");
    Ok(())
}
