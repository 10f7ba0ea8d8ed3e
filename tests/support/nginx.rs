//! nginx from Debian, in front of a server.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::patience::wait_for_start;
use super::server::free_address;
use super::tools;

/// A running nginx. Dropping it ends it.
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Nginx {
    /// Starts nginx with what stands inside its `http` block; `ADDRESS` in it is where it shall listen.
    #[track_caller]
    pub fn start(http: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let address = free_address();
        let path = directory.path();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};\n", path.display()))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {0}/nginx.pid; error_log {0}/error.log;\n\
             events {{ worker_connections 256; }}\nhttp {{\naccess_log {0}/access.log;\n{temporary}{1}\n}}\n",
            path.display(),
            http.replace("ADDRESS", &address.to_string()),
        );
        let config = path.join("nginx.conf");
        fs::write(&config, text).expect("the configuration can be written");
        let mut command = Command::new(tools::nginx());
        command.arg("-e").arg(path.join("start.log")).arg("-p").arg(path).arg("-c").arg(&config);
        let child = command.stdin(Stdio::null()).spawn().expect("nginx can be started");
        let mut nginx = Self { child, address, directory };
        let problem = || format!("nginx does not listen: {}", log(nginx.directory.path()));
        wait_for_start(&mut nginx.child, || TcpStream::connect(address).is_ok(), problem);
        nginx
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn log(directory: &Path) -> String {
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    read("start.log") + &read("error.log")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A self-signed certificate in files that nginx reads: `certificate` and `key`.
pub fn certificate_files(directory: &Path, certificate: &super::tls::Certificate) -> (String, String) {
    let (certificate_path, key_path) = (directory.join("server.crt"), directory.join("server.key"));
    fs::write(&certificate_path, &certificate.pem).expect("a file");
    fs::write(&key_path, &certificate.key_pem).expect("a file");
    (certificate_path.display().to_string(), key_path.display().to_string())
}
