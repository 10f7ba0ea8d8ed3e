//! Apache from Debian with mod_dav: a WebDAV server on a folder, behind Basic authentication.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::patience::wait_for_start;
use super::server::free_address;
use super::tools;

/// Who may use it.
pub const USER: &str = "registry";
/// Their password.
pub const PASSWORD: &str = "secret: word";

/// A running Apache. Dropping it ends it.
pub struct Apache {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Apache {
    #[track_caller]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        fs::create_dir_all(path.join("files/dav")).expect("a directory");
        tools::run(Command::new(tools::htpasswd()).arg("-bcB").arg(path.join("users")).args([USER, PASSWORD]));
        // Started by root it becomes this user, who owns nothing here yet; started by anybody else it stays who it is.
        let mut owner = Command::new("chown");
        let _ = owner.args(["-R", "www-data"]).arg(path).stderr(Stdio::null()).status();
        let address = free_address();
        let config = path.join("apache.conf");
        fs::write(&config, configuration(path, address)).expect("the configuration can be written");
        let mut command = Command::new(tools::apache());
        command.arg("-DFOREGROUND").arg("-d").arg(path).arg("-f").arg(&config);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("apache2 can be started");
        let mut apache = Self { child, address, directory };
        let problem = || format!("apache2 does not listen: {}", log(apache.directory.path()));
        wait_for_start(&mut apache.child, || TcpStream::connect(address).is_ok(), problem);
        apache
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder that it serves under `/dav/`.
    pub fn files(&self) -> PathBuf {
        self.directory.path().join("files/dav")
    }

    /// What went wrong.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }
}

fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("error.log")).unwrap_or_default()
}

impl Drop for Apache {
    fn drop(&mut self) {
        // Its children are told by the parent, which a kill would keep from it.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(path: &Path, address: SocketAddr) -> String {
    let modules = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs";
    let loaded: String = modules
        .split(' ')
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let text = r#"
ServerName localhost
Listen ADDRESS
PidFile DIRECTORY/pid
ErrorLog DIRECTORY/error.log
User www-data
Group www-data
DocumentRoot DIRECTORY/files
DAVLockDB DIRECTORY/locks
LimitRequestBody 0
<Location /dav>
  Dav On
  AuthType Basic
  AuthName files
  AuthBasicProvider file
  AuthUserFile DIRECTORY/users
  Require valid-user
</Location>
"#;
    loaded + &text.replace("ADDRESS", &address.to_string()).replace("DIRECTORY", &path.display().to_string())
}
