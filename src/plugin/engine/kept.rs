//! Compiled code on disk.
//!
//! Compiled code is native code: whoever can change it runs in this process. So the directory must belong to the user that the
//! server runs as, and nobody else may be able to write there; the files are made here, readable by that user alone, and each
//! ends with the SHA-256 of what is before it, so that a torn or rotten one is noticed. They are never taken from anywhere else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// More than a server has plugins and their last versions; the oldest files beyond that are removed.
const FILES_MAX: usize = 64;

const ENDING: &str = "compiled";

/// A directory of compiled components.
pub(super) struct Kept {
    directory: PathBuf,
}

/// Compiled code that this program wrote. Only [`Kept::load`] makes one, which is what `trusted` relies upon.
pub(super) struct OwnCode(Vec<u8>);

impl OwnCode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where compiled code is kept when the configuration does not say: what systemd gives a service, else the user's cache.
pub fn default_directory() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    given("CACHE_DIRECTORY")
        .or_else(|| given("XDG_CACHE_HOME").map(|cache| cache.join("wharf")))
        .or_else(|| given("HOME").map(|home| home.join(".cache/wharf")))
}

impl Kept {
    /// Opens the directory, or makes it. The error continues a sentence that began with its name.
    pub(super) fn open(directory: &Path) -> Result<Self, String> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| format!("can't be made: {error}; name another one in plugins.cache"))?;
        let directory = directory.canonicalize().map_err(|error| format!("can't be opened: {error}"))?;
        let metadata = fs::metadata(&directory).map_err(|error| format!("can't be looked at: {error}"))?;
        is_ours(&metadata).map_err(|problem| format!("{problem}; name another one in plugins.cache"))?;
        Ok(Self { directory })
    }

    /// The compiled code of a component, if it was kept by this very version of everything that matters. Anything that is not as
    /// it was written is as good as nothing.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<OwnCode> {
        let path = self.path(engine, digest);
        let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).ok()?;
        let mut file = OpenOptions::new().read(true).custom_flags(nofollow).open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || is_ours(&metadata).is_err() {
            tracing::warn!("plugins: {} is not used: others can write to it", path.display());
            return None;
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        let at = content.len().checked_sub(32)?;
        if Sha256::digest(&content[..at])[..] != content[at..] {
            tracing::warn!("plugins: {} is damaged; the component is compiled again", path.display());
            return None;
        }
        content.truncate(at);
        // What is used stays longest.
        let _ = file.set_modified(std::time::SystemTime::now());
        Some(OwnCode(content))
    }

    /// Keeps compiled code: whole, or not at all.
    pub(super) fn store(&self, engine: &Engine, digest: &str, code: &[u8]) -> io::Result<()> {
        let path = self.path(engine, digest);
        let temporary = path.with_extension(format!("{}.{}", std::process::id(), uuid::Uuid::new_v4()));
        let written = write(&temporary, code).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        self.remove_oldest();
        written
    }

    /// Component, wasmtime's version, its settings and the processor's features: the last three as wasmtime itself hashes them.
    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let component = digest.trim_start_matches("sha256:");
        self.directory.join(format!("{component}-{:016x}.{ENDING}", hasher.finish()))
    }

    fn remove_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let mut files: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
            .filter_map(|path| Some((fs::symlink_metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        files.sort();
        let beyond = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.into_iter().take(beyond) {
            let _ = fs::remove_file(path);
        }
    }
}

fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(code)?;
    file.write_all(&Sha256::digest(code))
}

fn is_ours(metadata: &fs::Metadata) -> Result<(), &'static str> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("belongs to another user");
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("can be written by others; run chmod go-w on it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const DIGEST: &str = "sha256:00";

    fn kept() -> (tempfile::TempDir, Kept, Engine) {
        let directory = tempfile::tempdir().unwrap();
        let kept = Kept::open(&directory.path().join("cache")).unwrap();
        (directory, kept, Engine::default())
    }

    #[test]
    fn what_is_kept_comes_back_for_the_same_settings_only() {
        let (_directory, kept, engine) = kept();
        assert!(kept.load(&engine, DIGEST).is_none());
        kept.store(&engine, DIGEST, b"code").unwrap();
        assert_eq!(kept.load(&engine, DIGEST).unwrap().bytes(), b"code");
        assert!(kept.load(&engine, "sha256:01").is_none());
        let mut other = wasmtime::Config::new();
        other.epoch_interruption(true);
        assert!(kept.load(&Engine::new(&other).unwrap(), DIGEST).is_none());
        let mode = fs::metadata(kept.path(&engine, DIGEST)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_others_could_have_written_is_not_read() {
        let (directory, kept, engine) = kept();
        kept.store(&engine, DIGEST, b"code").unwrap();
        let path = kept.path(&engine, DIGEST);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(kept.load(&engine, DIGEST).is_none(), "the group can write to it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let elsewhere = directory.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(kept.load(&engine, DIGEST).is_none(), "it is a symbolic link");
        fs::set_permissions(&kept.directory, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Kept::open(&kept.directory).is_err_and(|problem| problem.contains("chmod")));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let (_directory, kept, engine) = kept();
        kept.store(&engine, DIGEST, b"code").unwrap();
        let path = kept.path(&engine, DIGEST);
        for damaged in [&b"codf"[..], b"", b"short"] {
            let mut content = fs::read(&path).unwrap();
            content.splice(..4.min(content.len()), damaged.iter().copied());
            fs::write(&path, &content[..content.len().min(35)]).unwrap();
            assert!(kept.load(&engine, DIGEST).is_none());
            kept.store(&engine, DIGEST, b"code").unwrap();
        }
    }

    #[test]
    fn the_oldest_files_go() {
        let (_directory, kept, engine) = kept();
        for number in 0..FILES_MAX + 5 {
            kept.store(&engine, &format!("sha256:{number:04}"), b"code").unwrap();
        }
        assert_eq!(fs::read_dir(&kept.directory).unwrap().count(), FILES_MAX);
    }
}
