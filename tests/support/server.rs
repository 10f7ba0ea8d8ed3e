//! A real server process: Wharf, or one of the two `distribution` releases that data directories are exchanged with.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::http::{Connection, Request, Response};
use super::patience::{wait_for, wait_for_start, wait_until};
use super::tools;

/// What the image of `registry:2` runs with when it is given no file.
pub const DEFAULT_FILE: &str = "version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: DATA
http:
  addr: ADDRESS
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
";

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Wharf,
    /// `distribution` v3.1.1.
    Distribution,
    /// Debian's docker-registry 2.8.
    DockerRegistry,
}

impl Program {
    pub fn path(self) -> PathBuf {
        match self {
            Self::Wharf => wharf(),
            Self::Distribution => tools::distribution(),
            Self::DockerRegistry => tools::docker_registry(),
        }
    }
}

/// The binary under test. `WHARF_TEST_BINARY` aims the suite at another one, such as a release build.
pub fn wharf() -> PathBuf {
    std::env::var_os("WHARF_TEST_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_wharf").into(), PathBuf::from)
}

/// How a server is started. The configuration is the YAML that all three programs read.
#[derive(Clone, Debug)]
pub struct Setup {
    program: Program,
    directory: Arc<tempfile::TempDir>,
    kept: Vec<Arc<tempfile::TempDir>>,
    data: PathBuf,
    storage: Vec<String>,
    http: Vec<String>,
    sections: Vec<String>,
    delete: bool,
    environment: Vec<(String, String)>,
    file_bytes_max: Option<u64>,
    whole: Option<String>,
    name: Option<PathBuf>,
}

impl Setup {
    /// A whole configuration instead of the one that is put together here; `ADDRESS` and `DATA` in it are filled in.
    pub fn config_text(mut self, text: &str) -> Self {
        self.whole = Some(text.to_owned());
        self
    }

    /// Starts the program under this path instead of its own.
    pub fn called(mut self, path: &Path) -> Self {
        self.name = Some(path.to_owned());
        self
    }

    /// Key and value under `storage:`; may be several lines.
    pub fn storage(mut self, yaml: &str) -> Self {
        self.storage.push(yaml.to_owned());
        self
    }

    /// Key and value under `http:`.
    pub fn http(mut self, yaml: &str) -> Self {
        self.http.push(yaml.to_owned());
        self
    }

    /// A whole top-level section.
    pub fn section(mut self, yaml: &str) -> Self {
        self.sections.push(yaml.to_owned());
        self
    }

    /// Whether deletes are enabled; they are unless this says otherwise.
    pub fn delete(mut self, enabled: bool) -> Self {
        self.delete = enabled;
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Serves this directory instead of a new one.
    pub fn data(mut self, directory: &Path) -> Self {
        self.data = directory.to_owned();
        self
    }

    /// No file of the server may grow beyond this: writing more fails as on a full disk.
    pub fn file_bytes_max(mut self, bytes: u64) -> Self {
        self.file_bytes_max = Some(bytes);
        self
    }

    /// Keeps the scratch directory of another server for as long as this one lives, because the data lies in it.
    pub fn keeping(mut self, other: &Server) -> Self {
        self.kept.push(Arc::clone(&other.setup.directory));
        self.kept.extend(other.setup.kept.iter().cloned());
        self
    }

    /// A scratch directory that lives as long as the server: for password files, certificates and the like.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn config(&self, address: SocketAddr) -> String {
        if let Some(text) = &self.whole {
            let data = self.data.display().to_string();
            return text.replace("ADDRESS", &address.to_string()).replace("DATA", &data);
        }
        let indented = |lines: &[String]| {
            lines.iter().flat_map(|line| line.lines()).map(|line| format!("  {line}\n")).collect::<String>()
        };
        format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: {}\n{}\
             http:\n  addr: {address}\n  secret: not-a-secret\n{}{}\n",
            self.data.display(),
            self.delete,
            indented(&self.storage),
            indented(&self.http),
            self.sections.join("\n"),
        )
    }

    /// Starts the server and waits until it answers.
    #[track_caller]
    pub fn start(self) -> Server {
        let address = free_address();
        let config = self.directory().join(format!("config-{}.yml", address.port()));
        fs::write(&config, self.config(address)).expect("the configuration can be written");
        Server::launch(self, address, config)
    }

    /// Runs the server with its configuration until it ends by itself, which a wrong configuration makes it do.
    #[track_caller]
    pub fn run_to_the_end(self) -> (ExitStatus, String) {
        let address = free_address();
        let config = self.directory().join("config.yml");
        fs::write(&config, self.config(address)).expect("the configuration can be written");
        let child = self.spawn(&config);
        let mut server = Server { setup: self, address, config, child };
        let status = server.wait_for_end("the server runs although its configuration is wrong");
        (status, server.log())
    }

    /// Whether anything is answered yet: a listening socket alone says little, the server may still be putting itself together.
    fn is_served_at(&self, address: SocketAddr) -> bool {
        // One that speaks TLS gives no answer to this, but tells when it is ready.
        if self.log().contains(", tls\"") {
            return true;
        }
        let Ok(stream) = std::net::TcpStream::connect(address) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let mut connection = Connection::over(Box::new(stream), &address.to_string());
        connection.try_send(&Request::get("/")).is_ok()
    }

    fn executable(&self) -> PathBuf {
        self.name.clone().unwrap_or_else(|| self.program.path())
    }

    fn log_path(&self) -> PathBuf {
        self.directory().join("log.txt")
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn spawn(&self, config: &Path) -> Child {
        let program = self.executable();
        let mut command = match self.file_bytes_max {
            None => Command::new(&program),
            Some(bytes) => {
                // The signal must be ignored, or the first write over the limit ends the process instead of failing.
                let mut shell = Command::new("sh");
                let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
                shell.args(["-c", &script, "sh"]).arg(&program);
                shell
            }
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REGISTRY_")) {
            command.env_remove(name);
        }
        let log = File::options().create(true).append(true).open(self.log_path()).expect("the log can be opened");
        command
            .arg("serve")
            .arg(config)
            .env("OTEL_TRACES_EXPORTER", "none")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log);
        command.spawn().unwrap_or_else(|error| panic!("{} can't be started: {error}", program.display()))
    }
}

/// A running server. Dropping it kills the process; the directory goes with the last setup that names it.
pub struct Server {
    setup: Setup,
    address: SocketAddr,
    config: PathBuf,
    child: Child,
}

impl Server {
    /// Wharf with an empty directory, deletes enabled.
    #[track_caller]
    pub fn start() -> Self {
        Self::setup().start()
    }

    /// How Wharf is started by [`Server::start`], to be changed.
    pub fn setup() -> Setup {
        Self::setup_of(Program::Wharf)
    }

    pub fn setup_of(program: Program) -> Setup {
        let directory = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("a directory");
        Setup {
            program,
            directory,
            kept: Vec::new(),
            data,
            storage: Vec::new(),
            http: Vec::new(),
            sections: Vec::new(),
            delete: true,
            environment: Vec::new(),
            file_bytes_max: None,
            whole: None,
            name: None,
        }
    }

    #[track_caller]
    fn launch(setup: Setup, address: SocketAddr, config: PathBuf) -> Self {
        let child = setup.spawn(&config);
        let mut server = Self { setup, address, config, child };
        server.wait_until_it_listens();
        server
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self) {
        let Self { child, setup, address, .. } = self;
        let problem = || format!("the server does not listen on {address}:\n{}", setup.log());
        wait_for_start(child, || setup.is_served_at(*address), problem);
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `host:port`, as it stands in an image's name.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The directory that is served.
    pub fn data(&self) -> &Path {
        &self.setup.data
    }

    /// The same scratch directory as [`Setup::directory`].
    pub fn directory(&self) -> &Path {
        self.setup.directory()
    }

    /// The configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// How this server was started; starting it again serves the same directory.
    pub fn its_setup(&self) -> Setup {
        self.setup.clone()
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends one request over a connection of its own.
    #[track_caller]
    pub fn send(&self, request: Request) -> Response {
        self.connect().send(&request)
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send(Request::get(target))
    }

    #[track_caller]
    pub fn head(&self, target: &str) -> Response {
        self.send(Request::head(target))
    }

    #[track_caller]
    pub fn delete(&self, target: &str) -> Response {
        self.send(Request::delete(target))
    }

    /// Sends raw bytes and reads whatever answer comes; `None` when the connection is closed without one.
    pub fn raw(&self, bytes: &[u8]) -> Option<Response> {
        let mut connection = self.connect();
        let _ = connection.write(bytes);
        match connection.read_response(bytes.starts_with(b"HEAD ")) {
            Ok(response) => Some(response),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => panic!("{error}"),
            Err(_) => None,
        }
    }

    /// Everything that the server has printed.
    pub fn log(&self) -> String {
        self.setup.log()
    }

    /// Waits until the log holds `text`.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        wait_until(|| self.log().contains(text), || format!("{text:?} is not in the log:\n{}", self.log()));
    }

    /// The process.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child can be signalled");
        self.wait_for_end("the server does not end on SIGTERM")
    }

    #[track_caller]
    fn wait_for_end(&mut self, problem: &str) -> ExitStatus {
        let Self { child, setup, .. } = self;
        let ended = || child.try_wait().expect("the child can be waited for");
        wait_for(ended, || format!("{problem}:\n{}", setup.log()))
    }

    /// Kills the server and starts it again on the same address and directory.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        self.child = self.setup.spawn(&self.config);
        self.wait_until_it_listens();
    }

    /// The most memory that the server ever had in RAM, in bytes, without the file pages that it maps.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.status_kib("VmHWM:") * 1024
    }

    fn status_kib(&self, field: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process lives");
        let line = text.lines().find(|line| line.starts_with(field)).expect("the kernel tells it");
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
    }

    /// Runs `garbage-collect` of the same program on the same configuration, and gives what it printed.
    #[track_caller]
    pub fn garbage_collect(&self, options: &[&str]) -> String {
        self.upkeep("garbage-collect", options)
    }

    /// Runs a command of the same program that takes the configuration, and gives what it printed.
    #[track_caller]
    pub fn upkeep(&self, name: &str, options: &[&str]) -> String {
        let mut command = Command::new(self.setup.executable());
        command.arg(name).args(options).arg(&self.config).env("OTEL_TRACES_EXPORTER", "none");
        command.envs(self.setup.environment.iter().map(|(name, value)| (name, value)));
        let output = tools::output(&mut command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} failed with {}:\n{text}", output.status);
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines = log.lines().rev().take(30).collect::<Vec<_>>();
            eprintln!("--- the end of the log of {}", self.address);
            lines.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// `kill -9` by somebody who does not own the server.
pub fn kill_hard(pid: rustix::process::Pid) {
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a child can be killed");
}

/// A loopback address that nobody listens on. Below the ports that the kernel hands out to clients, so that no connection
/// of another test can take it between now and the server's start.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + u16::try_from(std::process::id() % 100).expect("below 100") * 200;
    let ports = (0..2000).map(|_| base + NEXT.fetch_add(1, Ordering::Relaxed) % 2000);
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("one of 2000 ports is free")
}
