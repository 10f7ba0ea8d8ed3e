//! A disk that is soon full.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system in memory that is unmounted at the end; `None` where mounting is not allowed.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn mount(at: &Path, bytes: usize) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let size = format!("size={bytes}");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output().ok()?.status;
        status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
