//! What the commands print.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

/// Writes to standard output. A reader that has seen enough (`wharf config show | head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: standard output can't be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says something that is not output.
pub(super) fn warn(warning: impl Display) {
    eprintln!("warning: {warning}");
}

/// Standard output, line by line where somebody watches. Work on the data goes on when nobody reads it any more.
pub(super) struct Lines {
    out: Box<dyn Write + Send>,
    failed: Option<io::Error>,
}

impl Lines {
    pub(super) fn new() -> Self {
        let stdout = io::stdout();
        let out: Box<dyn Write + Send> =
            if stdout.is_terminal() { Box::new(stdout) } else { Box::new(BufWriter::new(stdout)) };
        Self { out, failed: None }
    }

    /// Prints a line.
    pub(super) fn print(&mut self, line: impl Display) {
        if self.failed.is_none() {
            self.failed = writeln!(self.out, "{line}").err();
        }
    }

    /// Makes everything visible. A reader that has seen enough is no failure; a full disk is.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let flushed = self.out.flush().err();
        match self.failed.or(flushed) {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(format!("standard output can't be written: {error}"))
            }
            _ => Ok(()),
        }
    }
}
