//! Rust: cargo, for `wasm32-unknown-unknown`, where a component imports nothing of WASI that its world does not name.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::{Error, Project, read};
use crate::plugin::author::{component, tool};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler, and the sources of its standard library, which are built along. Cargo does not call this stable yet.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
const DEBIAN_LINKER: &str = "wasm-ld-19";

/// One line of what cargo prints with `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

pub(super) fn component(project: &Project<'_>) -> Result<Vec<u8>, Error> {
    let mut command = cargo(project.folder)?;
    command.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
    let printed = tool::capture(command.current_dir(project.folder))?;
    // The project's own module comes last, after those of what it depends on.
    let module = printed.lines().rev().find_map(module_of).ok_or_else(|| {
        Error::Project("cargo built no WebAssembly: Cargo.toml needs `crate-type = [\"cdylib\"]` in [lib]".to_owned())
    })?;
    component::of_module(&read(&module)?)
}

fn module_of(line: &str) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    let is_module = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
    message.filenames.into_iter().find(is_module).filter(|_| message.reason == "compiler-artifact")
}

/// The cargo that can build for the target.
fn cargo(folder: &Path) -> Result<Command, Error> {
    if let Some(cargo) = tool::find("cargo", &[])
        && has_target(folder)
    {
        return Ok(Command::new(cargo));
    }
    let debian = [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_SOURCES].iter().all(|file| Path::new(file).is_file());
    if debian && tool::find(DEBIAN_LINKER, &[]).is_some() {
        let mut command = Command::new(DEBIAN_CARGO);
        command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", DEBIAN_RUSTC).arg("-Zbuild-std=std,panic_abort");
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
        // What another toolchain's cargo leaves in the environment of the programs that it runs.
        command.env_remove("LD_LIBRARY_PATH").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        return Ok(command);
    }
    Err(Error::ToolMissing {
        tool: "a Rust compiler for wasm32-unknown-unknown",
        purpose: "compiles this project",
        install: "rustup target add wasm32-unknown-unknown\n(on Debian without rustup: apt-get install rustc-web cargo-web \
                  rust-web-src lld-19)",
    })
}

/// Asked in the project's folder, where a `rust-toolchain.toml` may choose the compiler.
fn has_target(folder: &Path) -> bool {
    let mut command = Command::new("rustc");
    let sysroot = command.args(["--print", "sysroot"]).current_dir(folder).output().ok();
    sysroot.is_some_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir()
    })
}
