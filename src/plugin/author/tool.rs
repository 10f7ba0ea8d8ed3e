//! Finding and running the tools of the languages.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// A program by its name: in folders that belong to the project first, then in `PATH`.
pub(super) fn find(name: &str, project_folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let everywhere = project_folders.iter().cloned().chain(env::split_paths(&path));
    everywhere.map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// The folders of a project's own tools, in it and in the folders around it: `node_modules/.bin`, `.venv/bin`.
pub(super) fn folders_around(project: &Path, folder: &str) -> Vec<PathBuf> {
    project.ancestors().map(|ancestor| ancestor.join(folder)).filter(|folder| folder.is_dir()).collect()
}

/// Runs a tool. What it prints goes to standard error: standard output is for the path of the component.
pub(super) fn run(command: &mut Command) -> Result<(), Error> {
    let told = shown(command);
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status().map_err(Error::of_file(&told))?;
    if status.success() { Ok(()) } else { Err(Error::ToolFailed { command: told, status: status.to_string() }) }
}

/// Runs a tool, passes on what it tells on standard error, and gives what it prints on standard output.
pub(super) fn capture(command: &mut Command) -> Result<String, Error> {
    let told = shown(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(Error::of_file(&told))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::ToolFailed { command: told, status: output.status.to_string() })
    }
}

/// The command line as somebody would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
