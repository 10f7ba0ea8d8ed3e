//! The `wharf` binary: runs the command that the command line names.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    wharf::cli::run(std::env::args_os())
}
