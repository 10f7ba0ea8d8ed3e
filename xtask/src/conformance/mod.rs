//! `cargo xtask conformance SUITE`: the official conformance suite of the OCI distribution spec.
//!
//! The suite is a program of its own (opencontainers/distribution-spec, folder `conformance`, built with
//! `go build -o conformance .`). It runs three times, each time against a fresh server over an empty folder:
//!
//! | Profile | What it demands |
//! |---|---|
//! | `1.1` | the released spec: the suite's own default |
//! | `dev` | also what the newest text adds: digest headers, cancelled uploads, `?tag=` |
//! | `all` | `dev` with every switch on: also manifests that name blobs and children which are not there |
//!
//! The suite exits with 0 even when the server made it skip a part, so the counts decide here: anything failed *or*
//! skipped fails the command. What the profile itself leaves out is told apart as "not in the profile".

mod report;

use crate::process::{last_lines, say, target_folder, wait_at_most};
use crate::server::{self, Server};
use anyhow::{Context, Result, bail};
use report::Report;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the suite may take for one profile; it needs seconds.
const PROFILE_SECONDS_MAX: u64 = 600;

/// Arguments of `cargo xtask conformance`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The suite's binary
    suite: PathBuf,
    /// Only this profile: 1.1, dev or all
    #[arg(long)]
    profile: Option<String>,
    /// Run this server (`BINARY serve config.yml`) instead of building one
    #[arg(long, value_name = "BINARY")]
    server: Option<PathBuf>,
    /// Keep the data in this storage component, which sees the data folder as /data, instead of in the folder itself
    #[arg(long, value_name = "COMPONENT")]
    storage_plugin: Option<PathBuf>,
    /// Keep the data with this driver instead: a file with what stands under `storage:`. In it `{profile}` becomes the profile's
    /// name, for a bucket or a prefix of its own
    #[arg(long, value_name = "FILE", conflicts_with = "storage_plugin")]
    driver: Option<PathBuf>,
    /// Where reports, the suite's output and the server's log are kept [default: conformance/ in the target folder]
    #[arg(long)]
    results: Option<PathBuf>,
}

struct Profile {
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
    /// Added to the server's configuration.
    config: &'static str,
}

/// Every switch is named, so that a suite with other defaults runs the same.
const EVERY_SWITCH: &[(&str, &str)] = &[
    ("OCI_VERSION", "dev"),
    ("OCI_API_PING", "true"),
    ("OCI_API_PULL", "true"),
    ("OCI_API_PUSH", "true"),
    ("OCI_API_BLOBS_ATOMIC", "true"),
    ("OCI_API_BLOBS_DELETE", "true"),
    ("OCI_API_BLOBS_DIGEST_HEADER", "true"),
    ("OCI_API_BLOBS_MOUNT_ANONYMOUS", "true"),
    ("OCI_API_BLOBS_UPLOAD_CANCEL", "true"),
    ("OCI_API_MANIFESTS_ATOMIC", "true"),
    ("OCI_API_MANIFESTS_DELETE", "true"),
    ("OCI_API_MANIFESTS_DIGEST_HEADER", "true"),
    ("OCI_API_MANIFESTS_TAG_PARAM", "true"),
    ("OCI_API_TAGS_ATOMIC", "true"),
    ("OCI_API_TAGS_DELETE", "true"),
    ("OCI_API_TAGS_LIST", "true"),
    ("OCI_API_REFERRER", "true"),
    ("OCI_DATA_IMAGE", "true"),
    ("OCI_DATA_INDEX", "true"),
    ("OCI_DATA_INDEX_LIST", "true"),
    ("OCI_DATA_SPARSE", "true"),
    ("OCI_DATA_ARTIFACT", "true"),
    ("OCI_DATA_SUBJECT", "true"),
    ("OCI_DATA_SUBJECT_MISSING", "true"),
    ("OCI_DATA_ARTIFACT_LIST", "true"),
    ("OCI_DATA_SUBJECT_LIST", "true"),
    ("OCI_DATA_DATA_FIELD", "true"),
    ("OCI_DATA_NONDISTRIBUTABLE", "true"),
    ("OCI_DATA_CUSTOM_FIELDS", "true"),
    ("OCI_DATA_NO_LAYERS", "true"),
    ("OCI_DATA_EMPTY_BLOB", "true"),
    ("OCI_DATA_SHA512", "true"),
];

const PROFILES: [Profile; 3] = [
    Profile { name: "1.1", environment: &[("OCI_VERSION", "1.1")], config: "" },
    Profile { name: "dev", environment: &[("OCI_VERSION", "dev")], config: "" },
    Profile { name: "all", environment: EVERY_SWITCH, config: "validation:\n  disabled: true\n" },
];

/// The configuration of the server under test. Deleting is part of the suite and off by default in a registry.
const CONFIG: &str = "\
version: 0.1
log:
  level: info
storage:
{driver}
  delete:
    enabled: true
http:
  addr: {address}
";

/// The usual driver.
const FILESYSTEM: &str = "  filesystem:\n    rootdirectory: {data}";

/// A component as the driver, with nothing but the data folder to reach.
const PLUGIN: &str = "  plugin:
    component: {component}
    grants:
      directories:
        - path: {data}
          guest: /data
          write: true";

/// Runs the suite in its profiles and prints what came out.
///
/// # Errors
/// When the server or the suite cannot run, or when anything failed or was skipped.
pub(crate) fn run(args: &Args) -> Result<()> {
    let suite = fs::canonicalize(&args.suite).with_context(|| format!("no suite at {}", args.suite.display()))?;
    let chosen: Vec<&Profile> = PROFILES.iter().filter(|profile| args.wants(profile)).collect();
    if chosen.is_empty() {
        bail!("no such profile: it is one of 1.1, dev, all");
    }
    let binary = match &args.server {
        Some(binary) => binary.clone(),
        None => server::build(server::Profile::Dev)?,
    };
    let results = match &args.results {
        Some(folder) => folder.clone(),
        None => target_folder()?.join("conformance"),
    };
    let config = CONFIG.replace("{driver}", &args.driver()?);
    let mut faults = 0;
    for profile in chosen {
        let folder = results.join(profile.name);
        say(format!("conformance: profile {}, files in {}", profile.name, folder.display()));
        let config = config.replace("{profile}", &profile.name.replace('.', "-"));
        let report = profile.run(&suite, &binary, &config, &folder)?;
        print!("{}", report.shown(profile.name));
        faults += report.faults();
    }
    if faults > 0 {
        bail!("{faults} cases failed or were skipped; requests and answers are in {}", results.display());
    }
    Ok(())
}

impl Args {
    fn driver(&self) -> Result<String> {
        if let Some(file) = &self.driver {
            let text = fs::read_to_string(file).with_context(|| format!("no driver in {}", file.display()))?;
            return Ok(text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"));
        }
        let Some(component) = &self.storage_plugin else { return Ok(FILESYSTEM.to_owned()) };
        let component =
            fs::canonicalize(component).with_context(|| format!("no component at {}", component.display()))?;
        Ok(PLUGIN.replace("{component}", &component.to_string_lossy()))
    }

    fn wants(&self, profile: &Profile) -> bool {
        self.profile.as_deref().is_none_or(|name| name == profile.name)
    }
}

impl Profile {
    /// Runs the suite once against a fresh server; everything that is written lies in `folder`.
    fn run(&self, suite: &Path, binary: &Path, config: &str, folder: &Path) -> Result<Report> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let server = Server::start(binary, &format!("{config}{}", self.config), folder)?;
        let output_file = folder.join("suite.log");
        let mut child = self
            .command(suite, server.address(), folder)
            .stdout(File::create(&output_file)?)
            .stderr(File::create(folder.join("suite.errors.log"))?)
            .spawn()
            .with_context(|| format!("cannot start {}", suite.display()))?;
        // The exit code says less than the counts do, and an exit without counts is an error anyway.
        wait_at_most(&mut child, Duration::from_secs(PROFILE_SECONDS_MAX))
            .context("the suite did not come to an end")?;
        let output = fs::read(&output_file)?;
        let output = String::from_utf8_lossy(&output);
        Report::parse(&output).with_context(|| format!("the suite printed no result:\n{}", last_lines(&output)))
    }

    fn command(&self, suite: &Path, address: SocketAddr, folder: &Path) -> Command {
        let mut command = Command::new(suite);
        // A variable left over in the caller's environment would quietly switch a part of the suite off.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("OCI_") {
                command.env_remove(name);
            }
        }
        command
            .env("OCI_REGISTRY", address.to_string())
            .env("OCI_TLS", "disabled")
            .env("OCI_LOG", "error")
            .env("OCI_RESULTS_DIR", folder)
            .envs(self.environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null());
        command
    }
}
