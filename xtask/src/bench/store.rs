//! The object store of the rows about S3: a gateway to a folder, one for each server, that counts what it is asked.

use crate::server::{Server, free_address};
use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

const ACCESS_KEY: &str = "benchkey";
const SECRET_KEY: &str = "benchsecret";
const BUCKET: &str = "images";

/// What takes the place of the file system in a registry's configuration. Clients are not sent to the store: what the registry
/// does with a blob is what is measured. Both remember what they have seen, as the configuration in the image of `distribution` says.
pub(super) const CONFIG: &str = "  s3:
    accesskey: benchkey
    secretkey: benchsecret
    bucket: images
    region: us-east-1
    regionendpoint: http://{store}
    forcepathstyle: true
  redirect:
    disable: true
  cache:
    blobdescriptor: inmemory
";

/// A running store.
pub(super) struct Store {
    server: Server,
    access_log: PathBuf,
}

impl Store {
    /// The access key and the secret.
    pub(super) const KEYS: (&str, &str) = (ACCESS_KEY, SECRET_KEY);

    /// Starts `gateway`, which keeps all its files in `folder`.
    pub(super) fn start(gateway: &Path, folder: &Path) -> Result<Self> {
        let (address, data) = (free_address()?, folder.join("data"));
        fs::create_dir_all(data.join(BUCKET))?;
        let access_log = folder.join("access.log");
        let mut command = Command::new(gateway);
        command.args(["--quiet", "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", &address.to_string()]);
        command.arg("--access-log").arg(&access_log).arg("posix").arg(data);
        let server = Server::start_at(address, command, folder).context("cannot start the object store")?;
        Ok(Self { server, access_log })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where an object of its bucket lies.
    pub(super) fn url(&self, key: &str) -> String {
        format!("http://{}/{BUCKET}/{key}", self.address())
    }

    /// How many requests it has had.
    pub(super) fn requests(&self) -> Result<f64> {
        let log = fs::read(&self.access_log).context("the object store keeps no log")?;
        Ok(log.iter().filter(|byte| **byte == b'\n').count() as f64)
    }
}
