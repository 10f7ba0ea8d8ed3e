//! Object stores for the tests: real servers, and a double of Alibaba Cloud OSS, which has none to install.

mod kinds;
mod sts;
mod tunnel;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustls::pki_types::CertificateDer;

use super::http::{Connection, Request};
use super::nginx::certificate_files;
use super::patience::wait_for_start;
use super::server::{Program, Server, Setup, free_address};
use super::tls::{self, Certificate};
pub use kinds::Kind;
pub use sts::TemporaryKeys;
pub use tunnel::Tunnel;

/// The keys, the bucket and the region of every store here.
pub const ACCESS_KEY: &str = "testkey";
pub const SECRET_KEY: &str = "testsecret";
pub const BUCKET: &str = "images";

/// Blobs come through the registry, for the test to see them.
pub const NO_REDIRECT: &str = "  redirect:\n    disable: true\n";

/// A running store with one bucket. Dropping it ends it.
pub struct Store {
    kind: Kind,
    child: Child,
    address: SocketAddr,
    region: &'static str,
    directory: tempfile::TempDir,
    /// Its certificate, if it speaks TLS.
    trusted: Option<CertificateDer<'static>>,
}

impl Store {
    /// Whichever.
    #[track_caller]
    pub fn of(kind: Kind) -> Self {
        let region = if kind == Kind::Oss { "cn-hangzhou" } else { "us-east-1" };
        Self::start(kind, region, None)
    }

    /// S3.
    #[track_caller]
    pub fn s3() -> Self {
        Self::of(Kind::S3)
    }

    /// S3 in a region of its own, over TLS.
    #[track_caller]
    pub fn s3_tls(region: &'static str, certificate: &Certificate) -> Self {
        Self::start(Kind::S3, region, Some(certificate))
    }

    /// OSS.
    #[track_caller]
    pub fn oss() -> Self {
        Self::of(Kind::Oss)
    }

    /// OSS over TLS.
    #[track_caller]
    pub fn oss_tls(certificate: &Certificate) -> Self {
        Self::start(Kind::Oss, "cn-hangzhou", Some(certificate))
    }

    /// Azure over TLS, which takes tokens, too.
    #[track_caller]
    pub fn azure_tls(certificate: &Certificate) -> Self {
        Self::start(Kind::Azure, "us-east-1", Some(certificate))
    }

    #[track_caller]
    fn start(kind: Kind, region: &'static str, certificate: Option<&Certificate>) -> Self {
        let (directory, address) = (tempfile::tempdir().expect("a temporary directory"), free_address());
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("a directory");
        let trusted = certificate.map(|certificate| certificate.der.clone());
        let certificate = certificate.map(|certificate| certificate_files(directory.path(), certificate));
        let mut command = kind.command(&data, address, region, certificate);
        let child = spawn(&mut command, directory.path());
        let mut store = Self { kind, child, address, region, directory, trusted };
        store.wait_until_it_listens();
        kind.make_bucket(&store);
        store
    }

    /// Ends the store and starts it again on the same address, without TLS, with the same data.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let mut command = self.kind.command(&self.directory.path().join("data"), self.address, self.region, None);
        self.child = spawn(&mut command, self.directory.path());
        self.wait_until_it_listens();
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self) {
        let log = || fs::read_to_string(self.directory.path().join("log.txt")).unwrap_or_default();
        let problem = || format!("the store does not listen: {}", log());
        wait_for_start(&mut self.child, || self.kind.is_ready(self.address), problem);
    }

    fn connect(&self) -> Connection {
        match &self.trusted {
            Some(trusted) => tls::connect(self.address, trusted),
            None => Connection::open(self.address),
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The files of an S3 bucket.
    pub fn files(&self) -> PathBuf {
        self.directory.path().join("data").join(BUCKET)
    }

    /// A configuration for Wharf and `distribution` that keeps everything in this bucket; `more` goes under `storage`.
    pub fn config(&self, more: &str) -> String {
        let driver = self.kind.driver(self.address, self.region);
        format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n{driver}  delete:\n    enabled: true\n{more}http:\n  addr: ADDRESS\n  \
             secret: not-a-secret\n"
        )
    }

    /// The same, where it is clear that the store is one of S3.
    pub fn s3_config(&self, more: &str) -> String {
        self.config(more)
    }

    /// The same for OSS.
    pub fn oss_config(&self, more: &str) -> String {
        self.config(more)
    }

    /// A server whose data are here, and which sends blobs itself.
    pub fn setup(&self, program: Program) -> Setup {
        let setup = Server::setup_of(program).config_text(&self.config(NO_REDIRECT));
        self.kind.variables(self.address).into_iter().fold(setup, |setup, (name, value)| setup.env(name, &value))
    }

    /// Wharf with its data here.
    #[track_caller]
    pub fn serve(&self) -> Server {
        self.setup(Program::Wharf).start()
    }

    /// Variables that lead a server here, beside its configuration.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        self.kind.variables(self.address)
    }

    /// How many requests the S3 store has answered.
    pub fn answered(&self) -> usize {
        fs::read_to_string(self.directory.path().join("access.log")).unwrap_or_default().lines().count()
    }

    /// How many requests of each kind the OSS double has had.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let answer = Connection::open(self.address).send(&Request::get("/-/requests"));
        serde_json::from_slice(&answer.expect(200).body).expect("a table of counts")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(command: &mut Command, directory: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(directory.join("log.txt")).expect("a file");
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"))
}

/// Whether anybody listens.
fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// A file beside this one.
pub fn support_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/stores").join(name)
}
