//! Tools that are packages of Python: what makes components of the examples in Python and in C, a store that is written in
//! Python, and the library of another one.

use crate::process::{last_lines, say};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Installs packages of PyPI into an environment of their own, unless they are there, and returns the last one's program.
pub(crate) fn install(folder: &Path, packages: &[&str], binary: &str) -> Result<PathBuf> {
    let program = folder.join("bin").join(binary);
    if program.is_file() {
        return Ok(program);
    }
    // One after the other: the program that tells whether all is there comes last.
    make_environment(folder, packages)?;
    Ok(program)
}

/// Installs a library of PyPI into an environment of its own, unless `module` can be imported there, and returns the
/// environment's python3. A library has no program that would tell whether an installation came to its end.
pub(crate) fn install_library(folder: &Path, package: &str, module: &str) -> Result<PathBuf> {
    let python = folder.join("bin/python3");
    let is_there = || {
        let mut import = Command::new(&python);
        import.args(["-c", &format!("import {module}")]).stdin(Stdio::null()).stdout(Stdio::null());
        import.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !is_there() {
        make_environment(folder, &[package])?;
        if !is_there() {
            bail!("{package} is installed in {}, but cannot be imported as {module}", folder.display());
        }
    }
    Ok(python)
}

fn make_environment(folder: &Path, packages: &[&str]) -> Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv"]).arg(folder);
    let mut commands = vec![environment];
    for package in packages {
        let mut command = Command::new(folder.join("bin/pip"));
        command.args(["install", "--quiet", "--disable-pip-version-check", package]);
        commands.push(command);
    }
    fill(folder, &format!("pip install {}", packages.join(" ")), &mut commands)
}

/// Runs the commands that fill a folder. An environment can't be moved, so one that was left unfinished is begun anew.
fn fill(folder: &Path, what: &str, commands: &mut [Command]) -> Result<()> {
    say(format!("tools: {what}"));
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for command in commands {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = command.stdin(Stdio::null()).output();
        let output =
            output.with_context(|| format!("cannot have `{what}`: {program} cannot be started; is it installed?"))?;
        if !output.status.success() {
            bail!("cannot have `{what}`:\n{}", last_lines(&String::from_utf8_lossy(&output.stderr)));
        }
    }
    Ok(())
}
