//! Object stores for the tests: versitygw, which speaks S3, and a double of Alibaba Cloud OSS. And a tunnel, through which a
//! server finds a store under the name that a recipe prints.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::http::{Connection, Request};
use super::nginx::certificate_files;
use super::server::free_address;
use super::tls::Certificate;
use super::tools;

/// The keys, the bucket and the region of every store here.
pub const ACCESS_KEY: &str = "testkey";
pub const SECRET_KEY: &str = "testsecret";
pub const BUCKET: &str = "images";

/// A running store with one bucket. Dropping it ends it.
pub struct Store {
    child: Child,
    address: SocketAddr,
    region: &'static str,
    directory: tempfile::TempDir,
}

impl Store {
    /// S3.
    #[track_caller]
    pub fn s3() -> Self {
        Self::start_s3("us-east-1", None)
    }

    /// S3 in a region of its own, over TLS.
    #[track_caller]
    pub fn s3_tls(region: &'static str, certificate: &Certificate) -> Self {
        Self::start_s3(region, Some(certificate))
    }

    #[track_caller]
    fn start_s3(region: &'static str, certificate: Option<&Certificate>) -> Self {
        let (directory, address) = (tempfile::tempdir().expect("a temporary directory"), free_address());
        fs::create_dir_all(directory.path().join("data").join(BUCKET)).expect("a directory");
        let mut command = Command::new(tools::versitygw());
        command.args(["--quiet", "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--region", region]);
        command.args(["--port", &address.to_string()]);
        if let Some(certificate) = certificate {
            let (certificate, key) = certificate_files(directory.path(), certificate);
            command.args(["--cert", &certificate, "--key", &key]);
        }
        command.arg("posix").arg(directory.path().join("data"));
        Self::start(command, directory, address, region)
    }

    /// OSS.
    #[track_caller]
    pub fn oss() -> Self {
        Self::start_oss(None)
    }

    /// OSS over TLS.
    #[track_caller]
    pub fn oss_tls(certificate: &Certificate) -> Self {
        Self::start_oss(Some(certificate))
    }

    #[track_caller]
    fn start_oss(certificate: Option<&Certificate>) -> Self {
        let (directory, address) = (tempfile::tempdir().expect("a temporary directory"), free_address());
        let mut command = Command::new("python3");
        command.arg(support_file("oss_double.py"));
        command.args([ACCESS_KEY, SECRET_KEY, BUCKET, "cn-hangzhou", &address.port().to_string()]);
        if let Some(certificate) = certificate {
            let (certificate, key) = certificate_files(directory.path(), certificate);
            command.args([certificate, key]);
        }
        Self::start(command, directory, address, "cn-hangzhou")
    }

    #[track_caller]
    fn start(mut command: Command, directory: tempfile::TempDir, address: SocketAddr, region: &'static str) -> Self {
        let log = fs::File::create(directory.path().join("log.txt")).expect("a file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
        let mut store = Self { child, address, region, directory };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            let ended = store.child.try_wait().expect("the child can be waited for");
            assert!(ended.is_none() && Instant::now() < deadline, "the store does not listen: {}", store.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        store
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log.txt")).unwrap_or_default()
    }

    /// The files of an S3 bucket.
    pub fn files(&self) -> PathBuf {
        self.directory.path().join("data").join(BUCKET)
    }

    /// A configuration for Wharf and `distribution` that keeps everything in this S3 bucket; `more` goes under `storage`.
    pub fn s3_config(&self, more: &str) -> String {
        let (address, region) = (self.address, self.region);
        format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  s3:\n    accesskey: {ACCESS_KEY}\n    secretkey: {SECRET_KEY}\n    \
             bucket: {BUCKET}\n    region: {region}\n    regionendpoint: http://{address}\n    forcepathstyle: true\n  \
             delete:\n    enabled: true\n{more}http:\n  addr: ADDRESS\n  secret: not-a-secret\n"
        )
    }

    /// The same for this OSS bucket.
    pub fn oss_config(&self, more: &str) -> String {
        let address = self.address;
        format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  oss:\n    accesskeyid: {ACCESS_KEY}\n    accesskeysecret: {SECRET_KEY}\n    \
             bucket: {BUCKET}\n    region: oss-cn-hangzhou\n    endpoint: http://{address}\n  delete:\n    enabled: true\n{more}\
             http:\n  addr: ADDRESS\n  secret: not-a-secret\n"
        )
    }

    /// How many requests of each kind the OSS double has had.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let answer = Connection::open(self.address).send(&Request::get("/-/requests"));
        serde_json::from_slice(&answer.expect(200).body).expect("a table of counts")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file beside this one.
pub fn support_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}

/// A proxy that leads every connection to one address, whatever host was asked for. It lives as long as the test.
pub struct Tunnel {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// To `target`.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let list = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let list = Arc::clone(&list);
                std::thread::spawn(move || lead(client, target, &list));
            }
        });
        Self { address, asked }
    }

    /// As it stands in `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hosts and ports that were asked for, each once.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn lead(client: TcpStream, target: SocketAddr, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut line, mut first) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        if first.is_empty() {
            first.clone_from(&line);
        }
        line.clear();
    }
    let host = first.split(' ').nth(1)?.to_owned();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(host);
    let server = TcpStream::connect(target).ok()?;
    let mut to_client = client;
    to_client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let mut to_server = server.try_clone().ok()?;
    let back = std::thread::spawn(move || pass(server, to_client));
    let buffered = reader.buffer().to_vec();
    to_server.write_all(&buffered).ok()?;
    pass(reader.into_inner(), to_server);
    let _ = back.join();
    Some(())
}

fn pass(mut from: impl Read, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
