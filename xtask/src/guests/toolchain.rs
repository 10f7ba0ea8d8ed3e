//! Which compiler makes WebAssembly here.
//!
//! With rustup's target installed it is the cargo that runs this program. Where that target can't be had, Debian's
//! packages do: a newer compiler of their own with the sources of the standard library, which is then built along.

use crate::process::{capture, cargo};
use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the guests are built for. A component made from it imports nothing of WASI that its world does not name.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Debian's packages, each with a file that tells whether it is installed.
const DEBIAN: [(&str, &str); 4] = [
    ("rustc-web", DEBIAN_RUSTC),
    ("cargo-web", DEBIAN_CARGO),
    ("rust-web-src", "/usr/lib/rustlib/src/rust/library/std/Cargo.toml"),
    ("lld-19", "/usr/bin/wasm-ld-19"),
];

/// A compiler for guests.
pub(super) enum Toolchain {
    /// The one that runs this program.
    Rustup,
    /// Debian's.
    Debian,
}

impl Toolchain {
    /// The compiler that is there.
    pub(super) fn find() -> Result<Self> {
        if has_rustup_target()? {
            return Ok(Self::Rustup);
        }
        let missing = absent();
        if !missing.is_empty() {
            bail!(
                "there is no compiler for {TARGET}: run `rustup target add {TARGET}` or `apt-get install {}`",
                missing.join(" ")
            );
        }
        Ok(Self::Debian)
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rustup => "rustup's target",
            Self::Debian => "Debian's packages",
        }
    }

    /// What the compiler calls itself.
    pub(super) fn version(&self) -> Result<String> {
        let rustc = match self {
            Self::Rustup => env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
            Self::Debian => DEBIAN_RUSTC.into(),
        };
        let mut command = Command::new(rustc);
        Ok(capture(command.arg("--version").env_remove("LD_LIBRARY_PATH"))?.trim().to_owned())
    }

    /// A cargo command in the workspace of the guests, with this compiler.
    ///
    /// Paths of this machine are kept out of the modules: the same sources and compiler make the same bytes anywhere.
    pub(super) fn cargo(&self, workspace: &Path, target: &Path) -> Result<Command> {
        let mut command = match self {
            Self::Rustup => cargo(&[])?,
            Self::Debian => {
                let mut command = Command::new(DEBIAN_CARGO);
                // Building the standard library is not a stable feature of cargo.
                command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", DEBIAN_RUSTC).arg("-Zbuild-std=std,panic_abort");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19");
                // Those of the other toolchain, which cargo put there for this program.
                command.env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
                command
            }
        };
        let root = workspace.parent().context("the guests' workspace has no parent")?;
        let flags = [(root.to_path_buf(), "/wharf"), (cargo_home()?, "/cargo")]
            .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).env_remove("RUSTFLAGS");
        command.env("CARGO_BUILD_TARGET", TARGET).env("CARGO_TARGET_DIR", target).current_dir(workspace);
        Ok(command)
    }
}

/// Debian's packages that have to be installed before guests can be built here.
pub(crate) fn missing_packages() -> Result<Vec<&'static str>> {
    Ok(if has_rustup_target()? { Vec::new() } else { absent() })
}

fn absent() -> Vec<&'static str> {
    DEBIAN.into_iter().filter(|(_, file)| !Path::new(file).is_file()).map(|(package, _)| package).collect()
}

fn has_rustup_target() -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = capture(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir())
}

fn cargo_home() -> Result<PathBuf> {
    match env::var_os("CARGO_HOME").filter(|value| !value.is_empty()) {
        Some(folder) => Ok(folder.into()),
        None => Ok(PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo")),
    }
}
