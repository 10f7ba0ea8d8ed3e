//! exim from Debian: a mail server that takes mail only under TLS from those who log in, and keeps it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::patience::{wait_for, wait_for_start};
use super::server::free_address;
use super::tls::Certificate;
use super::tools;

/// Who may send mail.
pub const USER: &str = "registry";
/// Their password.
pub const PASSWORD: &str = "secret: word";

/// A running exim. Dropping it ends it.
pub struct Exim {
    child: Child,
    /// Where it speaks STARTTLS.
    pub address: SocketAddr,
    /// Where it speaks TLS from the first byte.
    pub implicit: SocketAddr,
    directory: tempfile::TempDir,
}

/// A mail that was taken.
#[derive(Debug)]
pub struct Mail {
    /// The recipients of its envelope, its headers, and how it came, as exim notes them.
    pub head: String,
    /// Its body as it was sent.
    pub body: String,
}

impl Exim {
    #[track_caller]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        let certificate = Certificate::new();
        fs::write(path.join("cert.pem"), certificate.pem).expect("a file");
        fs::write(path.join("key.pem"), certificate.key_pem).expect("a file");
        let (address, implicit) = (free_address(), free_address());
        let config = path.join("exim.conf");
        fs::write(&config, configuration(path, address, implicit)).expect("a file");
        for folder in ["spool", "log"] {
            fs::create_dir(path.join(folder)).expect("a directory");
        }
        // Started by root it becomes a user of its own, who owns nothing here yet; started by anybody else it stays who it is.
        let mut owner = Command::new("chown");
        let _ = owner.args(["-R", "Debian-exim"]).arg(path).stderr(Stdio::null()).status();
        let mut command = Command::new("chown");
        let _ = command.arg("root").arg(&config).stderr(Stdio::null()).status();
        let mut command = Command::new(tools::exim());
        command.arg("-bdf").arg("-C").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("exim can be started");
        let mut exim = Self { child, address, implicit, directory };
        let listens = || [address, implicit].iter().all(|address| TcpStream::connect(address).is_ok());
        wait_for_start(&mut exim.child, listens, || format!("exim does not listen: {}", log(exim.directory.path())));
        exim
    }

    /// The certificate by which it is trusted.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// The mails that it took, in the order of their arrival.
    pub fn mails(&self) -> Vec<Mail> {
        let folder = self.directory.path().join("spool/input");
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut heads: Vec<PathBuf> = names.filter(|path| path.to_string_lossy().ends_with("-H")).collect();
        heads.sort();
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let mail = |head: &PathBuf| {
            let body = head.with_file_name(
                head.file_name().map(|name| name.to_string_lossy().replace("-H", "-D")).unwrap_or_default(),
            );
            Mail { head: read(head), body: read(&body) }
        };
        heads.iter().map(mail).collect()
    }

    /// The mails, as soon as there are so many.
    #[track_caller]
    pub fn wait_for_mails(&self, count: usize) -> Vec<Mail> {
        let problem = || format!("{} mails of {count} came: {}", self.mails().len(), self.log());
        wait_for(|| Some(self.mails()).filter(|mails| mails.len() >= count), problem)
    }

    /// What it logged.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }
}

fn log(directory: &Path) -> String {
    let read = |name: &str| fs::read_to_string(directory.join("log").join(name)).unwrap_or_default();
    read("mainlog") + &read("rejectlog") + &read("paniclog")
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(path: &Path, address: SocketAddr, implicit: SocketAddr) -> String {
    let text = r#"
primary_hostname = mail.test
keep_environment =
spool_directory = DIRECTORY/spool
log_file_path = DIRECTORY/log/%slog
pid_file_path = DIRECTORY/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = STARTTLS_PORT : IMPLICIT_PORT
tls_on_connect_ports = IMPLICIT_PORT
tls_advertise_hosts = *
tls_certificate = DIRECTORY/cert.pem
tls_privatekey = DIRECTORY/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
queue_only

begin acl
check_mail:
  deny message = TLS first
    !encrypted = *
  deny message = log in first
    !authenticated = *
  accept
check_rcpt:
  deny message = nobody of that name
    local_parts = nobody
  defer message = come back later
    local_parts = later
  accept

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{USER}}{eq{$auth3}{PASSWORD}}}}
  server_set_id = $auth2
"#;
    text.replace("DIRECTORY", &path.display().to_string())
        .replace("STARTTLS_PORT", &address.port().to_string())
        .replace("IMPLICIT_PORT", &implicit.port().to_string())
        .replace("USER", USER)
        .replace("PASSWORD", PASSWORD)
}
