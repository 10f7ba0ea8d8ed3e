//! Starting other programs, and telling what is going on meanwhile.

use anyhow::{Context, Result, bail};
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static STARTED: OnceLock<Instant> = OnceLock::new();

/// How many of a failed program's last output lines an error quotes.
const QUOTED_LINES_MAX: usize = 25;

/// Starts the clock that [`say`] shows.
pub(crate) fn start_clock() {
    STARTED.get_or_init(Instant::now);
}

/// Prints one progress line with the seconds since the start, on stderr so that stdout stays the programs' own.
pub(crate) fn say(message: impl Display) {
    let seconds = STARTED.get_or_init(Instant::now).elapsed().as_secs();
    // One write per line: the tools are installed on another thread while cargo prints on this one.
    let line = format!("xtask [{seconds:>4} s] {message}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The root of the workspace, wherever `cargo xtask` was called from.
pub(crate) fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().context("the xtask package lies in no workspace")?;
    Ok(root.to_path_buf())
}

/// A `cargo` command in the workspace's root: the cargo that runs this program, reading nothing from stdin.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(workspace_root()?).stdin(Stdio::null());
    Ok(command)
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    Ok(workspace_root()?.join(folder))
}

/// Runs a command whose output goes where ours goes.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command quietly and returns its standard output.
///
/// # Errors
/// When it cannot be started or does not exit with 0; the error then quotes the last lines it printed.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let everything = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
        bail!("`{shown}` failed: {}\n{}", output.status, last_lines(&everything));
    }
    Ok(printed)
}

/// Waits for a child, but not for ever.
///
/// # Errors
/// When the time is over; the child has then been killed.
pub(crate) fn wait_at_most(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            bail!("it was still running after {} s and has been ended", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Kills a child that leads a group of its own, and whatever it has started.
///
/// # Errors
/// When nobody can be killed.
pub(crate) fn kill_group(child: &mut Child) -> Result<()> {
    run(Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]))?;
    child.wait()?;
    Ok(())
}

/// The end of a program's output, short enough to be part of an error.
pub(crate) fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.trim_end().lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LINES_MAX)..].join("\n")
}

/// The command line as a person would type it, without the quoting that only odd arguments would need.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
