//! The file that is made when there is none, so that a registry with a password needs no preparation.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The user of a file that was made.
const USER: &str = "docker";
const COST: u32 = 10;
const PASSWORD_BYTES: usize = 32;

/// Makes the file, readable by its owner only, with one user and a random password, which is logged this once: there is no
/// other way to learn it.
pub(super) fn if_missing(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // Whatever else is wrong with it shows when it is read.
        _ => return Ok(()),
    }
    let mut random = [0; PASSWORD_BYTES];
    getrandom::fill(&mut random).map_err(|error| format!("no random numbers for a password: {error}"))?;
    let password = URL_SAFE_NO_PAD.encode(random);
    let hash = bcrypt::hash(&password, COST).map_err(|error| format!("no hash of the password: {error}"))?;
    match write(path, &format!("{USER}:{hash}\n")) {
        Ok(()) => {}
        // Another process was faster; its password counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => {
            let mend = "write it yourself with: htpasswd -Bc FILE USER";
            return Err(format!("{} is missing and can't be made: {error}; {mend}", path.display()));
        }
    }
    tracing::warn!(
        file = %path.display(),
        user = USER,
        password,
        "htpasswd file was missing and has been made with one user; note the password, it is not shown again"
    );
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
