//! The real clients and servers that the tests need. `cargo xtask test` installs them and says where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

pub use super::patience::output;

/// The skopeo client.
pub fn skopeo() -> PathBuf {
    required("SKOPEO", "skopeo")
}

/// The crane client.
pub fn crane() -> PathBuf {
    required("CRANE", "crane")
}

/// The regctl client.
pub fn regctl() -> PathBuf {
    required("REGCTL", "regctl")
}

/// The `distribution` v3.1.1 server.
pub fn distribution() -> PathBuf {
    required("DISTRIBUTION", "registry")
}

/// The docker-registry 2.8 server.
pub fn docker_registry() -> PathBuf {
    required("DOCKER_REGISTRY", "docker-registry")
}

/// The versitygw server, which speaks S3.
pub fn versitygw() -> PathBuf {
    required("VERSITYGW", "versitygw")
}

/// The MinIO server, which speaks S3.
pub fn minio() -> PathBuf {
    required("MINIO", "minio")
}

/// s3rver, which speaks S3 badly.
pub fn s3rver() -> PathBuf {
    required("S3RVER", "s3rver")
}

/// Azurite's server of blobs.
pub fn azurite() -> PathBuf {
    required("AZURITE", "azurite-blob")
}

/// fake-gcs-server.
pub fn fake_gcs() -> PathBuf {
    required("FAKE_GCS", "fake-gcs-server")
}

/// The python3 that has OpenStack Swift.
pub fn swift() -> PathBuf {
    python_with("SWIFT")
}

/// The python3 that has Alibaba's client of OSS.
pub fn oss_sdk() -> PathBuf {
    python_with("OSS_SDK")
}

/// Any other python3 would not do.
fn python_with(variable: &str) -> PathBuf {
    let told = std::env::var_os(format!("WHARF_TOOL_{variable}")).map(PathBuf::from).filter(|path| path.is_file());
    told.unwrap_or_else(|| panic!("WHARF_TOOL_{variable} names no python3: run `cargo xtask test`"))
}

/// The nginx server.
pub fn nginx() -> PathBuf {
    required("NGINX", "nginx")
}

/// Apache's htpasswd command.
pub fn htpasswd() -> PathBuf {
    required("HTPASSWD", "htpasswd")
}

/// Apache's server.
pub fn apache() -> PathBuf {
    required("APACHE", "apache2")
}

/// The exim mail server.
pub fn exim() -> PathBuf {
    required("EXIM", "exim4")
}

/// The Redis server, which is its sentinel, too.
pub fn redis_server() -> PathBuf {
    required("REDIS_SERVER", "redis-server")
}

/// The Redis client, which comes with the server.
pub fn redis_cli() -> PathBuf {
    required("REDIS_CLI", "redis-cli")
}

/// node, which runs JavaScript.
pub fn node() -> PathBuf {
    required("NODE", "node")
}

/// The folder that the package oidc-provider is installed in.
pub fn oidc_provider() -> PathBuf {
    let told = std::env::var_os("WHARF_TOOL_OIDC_PROVIDER").map(PathBuf::from).filter(|path| path.is_dir());
    told.expect("oidc-provider is missing: run `cargo xtask test`")
}

/// The docker client, which is not everywhere; it needs no engine to log in.
pub fn docker() -> Option<PathBuf> {
    find("DOCKER", "docker")
}

fn required(variable: &str, name: &str) -> PathBuf {
    find(variable, name).unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask test`"))
}

fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let told = std::env::var_os(format!("WHARF_TOOL_{variable}")).map(PathBuf::from).filter(|path| path.is_file());
    let search = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps nginx where only root's PATH leads.
    let everywhere = std::env::split_paths(&search).chain(["/usr/sbin".into(), "/usr/local/bin".into()]);
    told.or_else(|| everywhere.map(|directory: PathBuf| directory.join(name)).find(|path| path.is_file()))
}

/// A command whose home is `directory`, so that it neither reads nor writes the user's own logins.
pub fn command(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", directory).env("DOCKER_CONFIG", directory.join("docker")).current_dir(directory);
    command.env("REGISTRY_AUTH_FILE", directory.join("auth.json")).env("XDG_RUNTIME_DIR", directory);
    // Everything happens on the loopback interface; a proxy would not find it.
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command that must succeed, and gives what it printed on its standard output.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A component that `cargo xtask guests` builds.
pub fn guest(name: &str) -> PathBuf {
    let folder = std::env::var_os("WHARF_GUESTS").map(PathBuf::from).unwrap_or_else(|| {
        let target = std::env::current_exe().expect("a test has a path");
        let debug = target.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "deps"));
        debug.and_then(|deps| deps.ancestors().nth(2)).expect("a target folder").join("guests")
    });
    let component = folder.join(format!("{name}.wasm"));
    assert!(component.is_file(), "{} is missing: run `cargo xtask guests`", component.display());
    component
}
