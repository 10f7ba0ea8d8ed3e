//! The `wharf` binary: parses the command line, runs the command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    wharf::cli::serve::run()
}
