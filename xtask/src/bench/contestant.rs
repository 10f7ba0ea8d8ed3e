//! The servers that are compared: each a process of its own on a fresh folder of the same disk.

use super::client::{Answer, Connection};
use super::content::{Blob, Manifest};
use super::store::Store;
use super::usage;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// For Wharf and `distribution`, which read the same configuration.
const CONFIG: &str = "version: 0.1
log:
  level: error
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {data}
  delete:
    enabled: true
http:
  addr: {address}
catalog:
  maxentries: 100000
";

/// The lines of it that say where it stores.
const FILE_SYSTEM: &str = "  filesystem:\n    rootdirectory: {data}\n";

/// Static files are the least that serving bytes can cost; whether `sendfile` is cheaper than copying depends on the machine.
const NGINX_CONFIG: &str = "daemon off;
worker_processes 2;
pid {data}/../nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  sendfile {sendfile};
  output_buffers 2 256k;
  keepalive_requests 100000000;
  client_body_temp_path {data}/../body;
  proxy_temp_path {data}/../proxy;
  fastcgi_temp_path {data}/../fastcgi;
  uwsgi_temp_path {data}/../uwsgi;
  scgi_temp_path {data}/../scgi;
  server { listen {address} backlog=512; root {data}; location = /v2/ { return 200; } }
}
";

/// The user of the benchmarks with a password.
pub(super) const USER: &str = "bench";
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// How a server is started.
#[derive(Clone)]
pub(super) struct Recipe {
    /// Its name in the table.
    pub(super) label: String,
    pub(super) binary: PathBuf,
    config: String,
    is_nginx: bool,
    /// Who may use it: a file beside its configuration, by name and content. Without one nobody is asked who he is.
    users: Option<(&'static str, String)>,
    /// Components that take each other's place.
    exchanged: Vec<PathBuf>,
    /// The program of the object store that it stores in, one of its own.
    gateway: Option<PathBuf>,
}

impl Recipe {
    /// A registry that reads the configuration of `distribution`.
    pub(super) fn registry(label: &str, binary: &Path) -> Self {
        Self::with_config(label, binary, CONFIG.to_owned())
    }

    /// A registry with a configuration of its own.
    pub(super) fn with_config(label: &str, binary: &Path, config: String) -> Self {
        let (label, binary) = (label.to_owned(), binary.to_owned());
        Self { label, binary, config, is_nginx: false, users: None, exchanged: Vec::new(), gateway: None }
    }

    pub(super) fn nginx(label: &str, binary: &Path, sendfile: bool) -> Self {
        let config = NGINX_CONFIG.replace("{sendfile}", if sendfile { "on" } else { "off" });
        Self { is_nginx: true, ..Self::with_config(label, binary, config) }
    }

    /// The same, with a password asked for.
    pub(super) fn with_password(&self, label: String, user_line: String) -> Self {
        let config = format!("{}auth:\n  htpasswd:\n    realm: bench\n    path: {{data}}/../htpasswd\n", self.config);
        Self { label, config, users: Some(("htpasswd", user_line)), ..self.clone() }
    }

    /// The same, with the component that these lines of configuration name to be asked for the user of the benchmarks. It finds
    /// the user's password in the file `users` beside the configuration.
    pub(super) fn with_auth_plugin(&self, label: &str, lines: &str) -> Self {
        let config = format!("{}{lines}", self.config);
        Self { label: label.to_owned(), config, users: Some(("users", format!("{USER}:{PASSWORD}\n"))), ..self.clone() }
    }

    /// The same, with components to put into each other's place while it runs.
    pub(super) fn exchanging(self, exchanged: Vec<PathBuf>) -> Self {
        Self { exchanged, ..self }
    }

    /// The same, on an S3 bucket that this program serves.
    pub(super) fn on_s3(&self, gateway: &Path) -> Self {
        let recipe = self.with_storage(&format!("{} on S3", self.label), super::store::CONFIG);
        Self { gateway: Some(gateway.to_owned()), ..recipe }
    }

    /// The same, with these lines of configuration in place of the file system.
    pub(super) fn with_storage(&self, label: &str, lines: &str) -> Self {
        Self { label: label.to_owned(), config: self.config.replace(FILE_SYSTEM, lines), ..self.clone() }
    }
}

/// A running server.
pub(super) struct Contestant {
    server: Server,
    store: Option<Store>,
    binary: PathBuf,
    folder: PathBuf,
    is_nginx: bool,
    pub(super) exchanged: Vec<PathBuf>,
    /// `Authorization: …` with its line end, or nothing.
    pub(super) authorization: String,
}

impl Contestant {
    /// Starts a server in `folder`, which is removed when the server is dropped.
    pub(super) fn start(recipe: &Recipe, folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        if let Some((name, lines)) = &recipe.users {
            fs::write(folder.join(name), lines)?;
        }
        let mut command = Command::new(&recipe.binary);
        if recipe.is_nginx {
            command.arg("-e").arg(folder.join("nginx.log")).arg("-p").arg(&folder).arg("-c");
        } else {
            command.arg("serve");
        }
        // distribution sends traces to a collector unless told otherwise.
        command.arg(folder.join("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
        let store =
            recipe.gateway.as_deref().map(|gateway| Store::start(gateway, &folder.join("store"))).transpose()?;
        let config = match &store {
            Some(store) => recipe.config.replace("{store}", &store.address().to_string()),
            None => recipe.config.clone(),
        };
        let server =
            Server::start_as(command, &config, &folder).with_context(|| format!("cannot measure {}", recipe.label))?;
        let authorization = match recipe.users {
            Some(_) => format!("Authorization: Basic {}\r\n", base64(format!("{USER}:{PASSWORD}").as_bytes())),
            None => String::new(),
        };
        let exchanged = recipe.exchanged.clone();
        let binary = recipe.binary.clone();
        Ok(Self { server, store, binary, folder, is_nginx: recipe.is_nginx, exchanged, authorization })
    }

    /// Another command of the same program, with the server's configuration as its argument.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(name).arg(self.folder.join("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
        command
    }

    /// Requests that its object store has had, if it has one.
    pub(super) fn store_requests(&self) -> Result<Option<f64>> {
        self.store.as_ref().map(Store::requests).transpose()
    }

    /// Where its files lie; its data in `data` there.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(super) fn started_in(&self) -> std::time::Duration {
        self.server.started_in()
    }

    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        usage::cpu_seconds(self.server.pid())
    }

    pub(super) fn memory_mib(&self, field: &str) -> Result<f64> {
        usage::memory_mib(self.server.pid(), field)
    }

    /// A request without a body. `headers` are whole lines.
    pub(super) fn request(&self, method: &str, path: &str, headers: &str) -> Vec<u8> {
        format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n{}{headers}\r\n", self.authorization).into_bytes()
    }

    /// A request with a body.
    pub(super) fn request_with(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        let headers = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
        let mut request = self.request(method, path, &headers);
        request.extend_from_slice(body);
        request
    }

    /// Makes sure that a blob is there.
    pub(super) fn publish_blob(&self, repository: &str, blob: &Blob) -> Result<()> {
        let name = format!("v2/{repository}/blobs/{}", blob.digest());
        if self.is_nginx {
            return self.publish_file(&name, |file| blob.write_to(file));
        }
        let mut connection = Connection::open(self.address())?;
        if connection.exchange(&self.request("GET", &format!("/{name}"), "Range: bytes=0-0\r\n"))?.status < 300 {
            return Ok(());
        }
        let location = self.begin_upload(&mut connection, repository)?;
        let headers = format!("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", blob.bytes());
        let request = self.request("PUT", &with_digest(&location, blob.digest()), &headers);
        connection.send(&request)?;
        blob.pieces().try_for_each(|piece| connection.send(piece))?;
        connection.receive()?.expect(201)
    }

    /// Makes sure that a manifest is there, under its tag and its digest; what it refers to must be there.
    pub(super) fn publish_manifest(&self, repository: &str, tag: &str, manifest: &Manifest) -> Result<()> {
        let base = format!("v2/{repository}/manifests");
        if self.is_nginx {
            for reference in [tag, manifest.digest()] {
                self.publish_file(&format!("{base}/{reference}"), |file| {
                    std::io::Write::write_all(file, manifest.bytes()).map_err(Into::into)
                })?;
            }
            return Ok(());
        }
        let path = format!("/{base}/{tag}");
        let request = self.request_with("PUT", &path, manifest.media_type(), manifest.bytes());
        self.exchange(&request)?.expect(201)
    }

    /// One exchange on a connection of its own.
    pub(super) fn exchange(&self, request: &[u8]) -> Result<Answer> {
        Connection::open(self.address())?.exchange(request)
    }

    /// Begins an upload and returns where it goes on.
    pub(super) fn begin_upload(&self, connection: &mut Connection, repository: &str) -> Result<String> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let answer = connection.exchange(&self.request("POST", &path, "Content-Length: 0\r\n"))?;
        answer.expect(202)?;
        answer.location.context("an upload without a Location")
    }

    fn publish_file(&self, name: &str, write: impl FnOnce(&mut fs::File) -> Result<()>) -> Result<()> {
        let path = self.folder.join("data").join(name);
        let parent = path.parent().context("a file without a folder")?;
        fs::create_dir_all(parent)?;
        if path.exists() {
            return Ok(());
        }
        let mut file = fs::File::create(&path)?;
        write(&mut file)?;
        ensure!(file.metadata()?.len() > 0, "{} was written, but is empty", path.display());
        Ok(())
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        if self.is_nginx {
            // Its workers end when the main process asks them to, not when it is killed.
            let _ = Command::new("kill").arg("-TERM").arg(self.server.pid().to_string()).status();
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An upload's URL with the digest that ends it.
pub(super) fn with_digest(location: &str, digest: &str) -> String {
    let joint = if location.contains('?') { '&' } else { '?' };
    format!("{location}{joint}digest={digest}")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = bytes.chunks(3).flat_map(|three| {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4_usize).map(move |at| match at <= three.len() {
            true => char::from(LETTERS[(word >> (18 - 6 * at) & 63) as usize]),
            false => '=',
        })
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_pads_as_it_should() {
        assert_eq!(super::base64(b"bench:pw"), "YmVuY2g6cHc=");
        assert_eq!(super::base64(b"abc"), "YWJj");
        assert_eq!(super::base64(b"a"), "YQ==");
    }
}
