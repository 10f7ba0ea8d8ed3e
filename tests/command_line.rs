//! The command line as an operator meets it: what is printed where, and the exit code. Goal: that nobody who puts Wharf in
//! the place of `registry` has to change a command. Each test runs the real program without a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end itself")]

#[path = "support/patience.rs"]
mod patience;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

const WHARF: &str = env!("CARGO_BIN_EXE_wharf");

fn run(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(variables.iter().copied());
    patience::output(&mut command)
}

fn wharf(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    run(Path::new(WHARF), arguments, variables)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_good_file_has_no_mistakes() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/config/wharf.toml");
    let output = wharf(&["config", "check", example], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stdout(&output), format!("{example}: no mistakes\n"));
    assert_eq!(stderr(&output), "");
}

#[test]
fn every_mistake_is_printed_and_every_command_ends_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wharf.toml");
    fs::write(&file, "[http]\nadr = ':5000'\n[log]\nlevel = 'loud'\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in [
        &["config", "check", file][..],
        &["config", "show", file],
        &["serve", file],
        &["garbage-collect", file],
        &[file],
    ] {
        let output = wharf(arguments, &[("REGISTRY_HTTP_PREFIX", "x")]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let text = stderr(&output);
        for sentence in ["http.adr", "did you mean \"addr\"?", "log.level", "\"loud\"", "variable REGISTRY_HTTP_PREFIX"]
        {
            assert!(text.contains(sentence), "{arguments:?}: {sentence} is missing in\n{text}");
        }
        assert!(text.lines().all(|line| line.starts_with("error: ")), "{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn what_is_shown_has_variables_and_defaults_and_no_secret() {
    let output = wharf(&["config", "show"], &[("REGISTRY_HTTP_SECRET", "hush-hush"), ("REGISTRY_LOG_LEVEL", "debug")]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.starts_with("# built-in defaults\n"), "{text}");
    assert!(text.contains("level = \"debug\"") && text.contains("rootdirectory = \"wharf-data\""), "{text}");
    assert!(!text.contains("hush-hush"), "{text}");
    toml::from_str::<toml::Table>(&text).unwrap();
}

#[test]
fn the_schema_is_json() {
    let output = wharf(&["config", "schema"], &[]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn the_variable_names_the_file_where_no_argument_does() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/config/behind-nginx.yml");
    let output = wharf(&["config", "check"], &[("REGISTRY_CONFIGURATION_PATH", example)]);
    assert_eq!(stdout(&output), format!("{example}: no mistakes\n"));
    assert_eq!(stderr(&output), "", "the variable itself is no unknown key");
}

#[test]
fn warnings_end_nothing() {
    let output = wharf(&["config", "check"], &[("REGISTRY_PORT", "tcp://10.0.0.1:5000")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("warning: variable REGISTRY_PORT: "), "{output:?}");
}

#[test]
fn a_missing_file_is_named() {
    let output = wharf(&["serve", "/nowhere/config.yml"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nowhere/config.yml: there is no such file"), "{output:?}");
}

#[test]
fn a_mistyped_command_ends_with_two() {
    for arguments in [&["srve"][..], &["serve", "--fast"], &["config"], &[]] {
        assert_eq!(wharf(arguments, &[]).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn called_as_registry_it_has_the_same_commands() {
    let folder = tempfile::tempdir().unwrap();
    let registry = folder.path().join("registry");
    symlink(WHARF, &registry).unwrap();
    for arguments in [&["--version"][..], &["-v"]] {
        let output = run(&registry, arguments, &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains(env!("CARGO_PKG_VERSION")), "{output:?}");
    }
    let help = stdout(&run(&registry, &["garbage-collect", "--help"], &[]));
    for flag in ["-d, --dry-run", "-m, --delete-untagged", "-q, --quiet"] {
        assert!(help.contains(flag), "{help}");
    }
    // The entry script of the images takes a file alone for `serve`.
    let output = run(&registry, &["/nowhere/config.yml"], &[]);
    assert!(stderr(&output).contains("/nowhere/config.yml"), "{output:?}");
}
