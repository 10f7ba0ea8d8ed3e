//! Components for the tests, and a server that runs them and can be looked after.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::http::{Request, Response, unix};
use super::image::Blob;
use super::server::{Server, Setup};
use super::{Connection, tools};

/// The token of the admin listener.
pub const TOKEN: &str = "not-a-secret-but-long-enough";

/// `contents` with one more custom section, which changes its digest and nothing else.
pub fn variant(contents: &[u8], number: u32) -> Vec<u8> {
    let section = [b"\x04test".as_slice(), &number.to_le_bytes()].concat();
    let mut bytes = contents.to_vec();
    bytes.push(0);
    bytes.push(u8::try_from(section.len()).expect("below 128"));
    bytes.extend_from_slice(&section);
    bytes
}

/// The same with a manifest that asks for this, in TOML.
pub fn asking(contents: &[u8], asks: &str) -> Vec<u8> {
    let manifest = format!("name = \"t\"\nversion = \"1\"\nworld = \"auth-provider\"\n[asks]\n{asks}\n");
    let section = [b"\x0cwharf-plugin".as_slice(), manifest.as_bytes()].concat();
    let length = section.len();
    let mut bytes = without_manifest(contents);
    bytes.push(0);
    bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
    bytes.push(u8::try_from(length >> 7).expect("below 16384"));
    bytes.extend_from_slice(&section);
    bytes
}

/// Leaves out the section that carries the manifest. Sections are a kind, a length and so many bytes.
fn without_manifest(component: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (component[..8].to_vec(), 8);
    while at < component.len() {
        let (mut length, mut shift, mut body) = (0_usize, 0, at + 1);
        loop {
            let byte = component[body];
            length |= usize::from(byte & 0x7f) << shift;
            (shift, body) = (shift + 7, body + 1);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let end = body + length;
        if !component[body..end].starts_with(b"\x0cwharf-plugin") {
            out.extend_from_slice(&component[at..end]);
        }
        at = end;
    }
    out
}

/// The bytes of a guest.
pub fn guest(name: &str) -> Vec<u8> {
    fs::read(tools::guest(name)).expect("a component can be read")
}

/// Puts a component beside the server's data, under this name.
#[track_caller]
pub fn put(directory: &Path, name: &str, component: &[u8]) -> PathBuf {
    let (path, new) = (directory.join(name), directory.join(format!(".{name}.new")));
    fs::write(&new, component).expect("a component can be written");
    fs::rename(&new, &path).expect("a file can be renamed");
    path
}

/// A server whose auth provider is this component, with lines of YAML below `auth.plugin`, in which DIRECTORY is the server's
/// scratch directory; with metrics, and an admin socket.
pub fn behind(component: &[u8], lines: &str) -> Setup {
    let setup = Server::setup();
    let path = put(setup.directory(), "auth.wasm", component);
    let lines = lines.replace("DIRECTORY", &setup.directory().display().to_string());
    let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let (cache, socket) = (setup.directory().join("cache"), setup.directory().join("admin.sock"));
    let auth = format!(
        "auth:\n  plugin:\n    component: {}\n{indented}plugins: {{watch: 100ms, cache: {}}}\nadmin: {{socket: {}}}",
        path.display(),
        cache.display(),
        socket.display()
    );
    setup.http("debug: {addr: '127.0.0.1:0', prometheus: {enabled: true}}").section(&auth)
}

/// Pushes a component as the CNCF's guide lays it out; the pinned reference of it.
#[track_caller]
pub fn push_component(registry: &Server, component: &[u8]) -> String {
    let (config, layer) =
        (Blob::new(b"{\"architecture\":\"wasm\",\"os\":\"wasip2\"}".to_vec()), Blob::new(component.to_vec()));
    registry.push_blob("plugins/auth", &config);
    registry.push_blob("plugins/auth", &layer);
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json", "digest": config.digest, "size": config.bytes.len()
        },
        "layers": [{ "mediaType": "application/wasm", "digest": layer.digest, "size": layer.bytes.len() }],
    });
    let bytes = serde_json::to_vec(&manifest).expect("JSON");
    let put = Request::put("/v2/plugins/auth/manifests/1.0.0");
    let put = put.content_type("application/vnd.oci.image.manifest.v1+json").body(bytes.clone());
    registry.send(put).expect(201);
    format!("oci://{}/plugins/auth@{}", registry.host(), super::content::sha256(&bytes))
}

impl Server {
    /// One value of the metrics: the line that begins with this.
    #[track_caller]
    pub fn metric(&self, line: &str) -> f64 {
        let text = self.debug("/metrics").expect(200).text();
        let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{line} is not in\n{text}")).parse().expect("a number")
    }

    /// A request to the debug listener.
    #[track_caller]
    pub fn debug(&self, path: &str) -> Response {
        self.wait_for_log("debug server listening on ");
        let log = self.log();
        let (_, rest) = log.split_once("debug server listening on ").expect("it is in the log");
        let address = rest.split(['"', '\n', ' ']).next().expect("an address").parse().expect("an address");
        Connection::open(address).send(&Request::get(path))
    }

    /// `wharf plugin …` with this server's configuration.
    pub fn plugin(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(super::server::wharf());
        tools::output(command.arg("plugin").args(arguments).arg("--config").arg(self.config()))
    }

    /// The same, which must succeed; gives what it printed.
    #[track_caller]
    pub fn plugin_done(&self, arguments: &[&str]) -> String {
        let output = self.plugin(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wharf plugin {arguments:?}: {told}\n{}", self.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, which must fail; gives what it complained of.
    #[track_caller]
    pub fn plugin_refused(&self, arguments: &[&str]) -> String {
        let output = self.plugin(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Puts another component into service by the admin socket, without a process for it.
    #[track_caller]
    pub fn swap(&self, plugin: &str, file: &Path) {
        let mut connection = Connection::over(Box::new(unix(&self.directory().join("admin.sock"))), "wharf");
        let body = serde_json::json!({ "component": file }).to_string();
        connection.send(&Request::post(format!("/plugins/{plugin}/swap")).body(body)).expect(200);
    }

    /// Swaps through `files`, one every 100 ms, for as long as [`swap_time`] says, and tells how often.
    #[track_caller]
    pub fn keep_swapping(&self, plugin: &str, files: &[PathBuf]) -> usize {
        let (end, mut swaps) = (Instant::now() + swap_time(), 0);
        while Instant::now() < end {
            let begin = Instant::now();
            self.swap(plugin, &files[swaps % files.len()]);
            swaps += 1;
            std::thread::sleep(Duration::from_millis(100).saturating_sub(begin.elapsed()));
        }
        swaps
    }

    /// That not one call of a plugin failed, whatever was swapped.
    #[track_caller]
    pub fn check_no_call_failed(&self, plugin: &str) {
        for case in ["time", "memory", "trap", "start", "busy", "failing", "answer"] {
            let line = format!("wharf_plugin_errors_total{{plugin=\"{plugin}\",case=\"{case}\"}}");
            assert_eq!(self.metric(&line), 0.0, "{case}: {}", self.log());
        }
    }

    /// A request with a user and a password.
    #[track_caller]
    pub fn get_as(&self, path: &str, user: &str, password: &str) -> Response {
        self.send(Request::get(path).header("Authorization", basic(user, password)))
    }
}

/// How long components are swapped under load: five seconds, or what `WHARF_TEST_SWAP_SECONDS` says.
fn swap_time() -> Duration {
    let told = std::env::var("WHARF_TEST_SWAP_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(5))
}

/// The value of `Authorization`.
pub fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}
