//! Redis from Debian: one server, a master with a replica and a sentinel, or a cluster.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};

use super::nginx::certificate_files;
use super::patience::{self, wait_for_start};
use super::server::free_address;
use super::tls::Certificate;
use super::tools;

/// A running Redis. Dropping it ends it.
pub struct Redis {
    child: Child,
    address: SocketAddr,
    arguments: Vec<String>,
    /// What `redis-cli` needs to get in.
    login: Vec<String>,
    directory: Arc<tempfile::TempDir>,
}

impl Redis {
    /// With nothing but defaults.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more arguments, such as `--requirepass x`.
    #[track_caller]
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_at(free_address(), arguments)
    }

    /// At an address that was free a moment ago.
    #[track_caller]
    pub fn start_at(address: SocketAddr, arguments: &[&str]) -> Self {
        let own = ["--port".to_owned(), address.port().to_string(), "--bind".to_owned(), "127.0.0.1".to_owned()];
        let more = arguments.iter().map(|&argument| argument.to_owned());
        Self::launch(address, own.into_iter().chain(more).collect(), Vec::new())
    }

    /// Over TLS only, for clients with a certificate that this one has signed, which is itself.
    #[track_caller]
    pub fn start_tls(certificate: &Certificate) -> Self {
        let (directory, address) = (tempfile::tempdir().expect("a temporary directory"), free_address());
        let (file, key) = certificate_files(directory.path(), certificate);
        let port = address.port().to_string();
        let arguments = [
            "--port",
            "0",
            "--tls-port",
            &port,
            "--bind",
            "127.0.0.1",
            "--tls-cert-file",
            &file,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &file,
            "--tls-auth-clients",
            "yes",
        ];
        let login = ["--tls", "--cert", &file, "--key", &key, "--cacert", &file];
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let mut redis = Self::launch(address, owned(&arguments), owned(&login));
        redis.directory = Arc::new(directory);
        redis
    }

    #[track_caller]
    fn launch(address: SocketAddr, arguments: Vec<String>, login: Vec<String>) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let child = spawn(directory.path(), &arguments);
        let mut redis = Self { child, address, arguments, login, directory };
        redis.wait();
        redis
    }

    #[track_caller]
    fn wait(&mut self) {
        let log = || fs::read_to_string(self.directory.path().join("log.txt")).unwrap_or_default();
        let problem = || format!("Redis does not listen: {}", log());
        wait_for_start(&mut self.child, || TcpStream::connect(self.address).is_ok(), problem);
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has `redis-cli` log in as this user from now on.
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login.extend(["--user", user, "--pass", password, "--no-auth-warning"].map(str::to_owned));
        self
    }

    /// What a command answers, as `redis-cli` prints it: a line for each element.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new(tools::redis_cli());
        command.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]).args(&self.login).args(words);
        tools::run(&mut command).trim_end().to_owned()
    }

    /// Waits until a command answers this.
    #[track_caller]
    pub fn wait_for(&self, words: &[&str], answer: &str) {
        self.wait_until(words, |found| found == answer);
    }

    /// Waits until a command's answer is as it should be.
    #[track_caller]
    pub fn wait_until(&self, words: &[&str], good: impl Fn(&str) -> bool) {
        patience::wait_until(|| good(&self.ask(words)), || format!("{words:?} answers {:?}", self.ask(words)));
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, as it was started, with nothing in it.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.directory.path(), &self.arguments);
        self.wait();
    }

    /// Stops the process without ending it: connections are accepted, and nothing is answered.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("a child can be signalled");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("a child can be signalled");
    }

    /// The section of a configuration that names it, with more keys.
    pub fn section(&self, more: &str) -> String {
        section(&[self.address], more)
    }
}

/// The section of a configuration that names servers, with more keys.
pub fn section(addresses: &[SocketAddr], more: &str) -> String {
    let addresses: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!("redis:\n  addrs: [{}]\n{more}", addresses.join(", "))
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(directory: &Path, arguments: &[String]) -> Child {
    let log = fs::File::create(directory.join("log.txt")).expect("a file");
    let mut command = Command::new(tools::redis_server());
    command.args(arguments).args(["--dir", &directory.display().to_string()]);
    if !arguments.iter().any(|argument| argument == "--sentinel") {
        command.args(["--save", "", "--appendonly", "no"]);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
    command.spawn().expect("Redis can be started")
}

/// A master, its replica, and a sentinel that watches them under the name `main`.
pub struct Watched {
    pub master: Redis,
    pub replica: Redis,
    pub sentinel: Redis,
}

impl Watched {
    #[track_caller]
    pub fn start() -> Self {
        let master = Redis::start();
        let port = master.address.port().to_string();
        let replica = Redis::start_with(&["--replicaof", &format!("127.0.0.1 {port}")]);
        replica.wait_until(&["INFO", "replication"], |info| info.contains("master_link_status:up"));
        let (address, directory) = (free_address(), tempfile::tempdir().expect("a temporary directory"));
        let config = directory.path().join("sentinel.conf");
        let text = format!(
            "port {}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n",
            address.port()
        );
        fs::write(&config, text).expect("a file");
        let arguments = vec![config.display().to_string(), "--sentinel".to_owned()];
        let mut sentinel = Redis::launch(address, arguments, Vec::new());
        sentinel.directory = Arc::new(directory);
        sentinel.wait_until(&["SENTINEL", "replicas", "main"], |replicas| replicas.contains("slave"));
        Self { master, replica, sentinel }
    }
}

/// A cluster of three masters.
#[track_caller]
pub fn cluster() -> Vec<Redis> {
    let nodes: Vec<Redis> = (0..3)
        .map(|_| {
            let bus = free_address().port().to_string();
            Redis::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"])
        })
        .collect();
    let mut command = Command::new(tools::redis_cli());
    command.args(["--cluster", "create"]).args(nodes.iter().map(|node| node.address.to_string())).arg("--cluster-yes");
    tools::run(&mut command);
    for node in &nodes {
        node.wait_until(&["CLUSTER", "INFO"], |info| info.contains("cluster_state:ok"));
    }
    nodes
}
