//! A Wharf server for a command's own use: built from this checkout, on a free loopback port, ended when dropped.

use crate::process::{capture, cargo, last_lines, say};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it answers: on a busy machine, one that has to compile a component of Python takes a minute.
const START_SECONDS_MAX: u64 = 120;

/// How long to wait between two looks whether it answers: short, because the benchmark measures the start by them.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Builds the server and returns the path of its binary.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    say("building wharf");
    let release: &[&str] = if profile == Profile::Release { &["--release"] } else { &[] };
    built("wharf", release)
}

/// Builds the plain client of S3 that the server is measured beside, and returns the path of its binary.
///
/// # Errors
/// When the build fails.
pub(crate) fn build_signed_client() -> Result<PathBuf> {
    say("building the plain client of S3");
    built("signed-client", &["--release"])
}

fn built(package: &str, how: &[&str]) -> Result<PathBuf> {
    let mut command = cargo(&["build", "--locked", "--package", package, "--bin", package])?;
    command.args(how).arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let printed = capture(&mut command)?;
    let messages = printed.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages.filter_map(|message| message.executable).next_back().context("cargo built no program")
}

/// How the server is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The one field of cargo's build messages that matters here.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    started_in: Duration,
}

impl Server {
    /// Starts `binary serve` with the configuration `config`, in which `{address}` stands for the address to listen on,
    /// `{port}` for its port alone and `{data}` for the data folder, and waits until it answers. All its files lie in
    /// `folder`.
    ///
    /// # Errors
    /// When it ends or does not answer in time; the error quotes its log.
    pub(crate) fn start(binary: &Path, config: &str, folder: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg(folder.join("config.yml"));
        Self::start_as(command, config, folder)
    }

    /// Starts a server by another command line, which finds `config` filled in as `config.yml` in `folder`.
    ///
    /// # Errors
    /// As for [`Server::start`].
    pub(crate) fn start_as(command: Command, config: &str, folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let data = folder.join("data");
        fs::create_dir_all(&data)?;
        let config = config
            .replace("{address}", &address.to_string())
            .replace("{port}", &address.port().to_string())
            .replace("{data}", &data.to_string_lossy());
        fs::write(folder.join("config.yml"), config)?;
        Self::start_at(address, command, folder)
    }

    /// Starts a server that has been told to listen on `address`; its log goes to `folder`.
    ///
    /// # Errors
    /// As for [`Server::start`].
    pub(crate) fn start_at(address: SocketAddr, mut command: Command, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let log_file = folder.join("server.log");
        let log = File::create(&log_file)?;
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Self { child, address, started_in: Duration::ZERO };
        server.wait_until_it_answers().with_context(|| {
            let said = fs::read_to_string(&log_file).unwrap_or_default();
            format!("the server did not start; its log ends with:\n{}", last_lines(&said))
        })?;
        server.started_in = started.elapsed();
        Ok(server)
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its (main) process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process to its first answer.
    pub(crate) fn started_in(&self) -> Duration {
        self.started_in
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at once: {status}");
            }
            if answers(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        bail!("no answer from {} within {START_SECONDS_MAX} s", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago: the kernel hands out another one to the next who asks.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

fn answers(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    if &start != b"HTTP/" {
        bail!("something else listens on {address}");
    }
    Ok(())
}
