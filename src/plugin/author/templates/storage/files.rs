//! The directory, through `wasi:filesystem`.

use crate::bindings::exports::wharf::storage::backend::{Error, ObjectMeta};
use crate::bindings::wasi::filesystem::preopens::get_directories;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, OpenFlags, PathFlags,
};
use crate::bindings::wasi::random::random::get_random_u64;

/// Where the operator's directory is seen; plugin.toml asks for it.
const DIRECTORY: &str = "/data";

thread_local! {
    static ROOT: Option<Descriptor> = get_directories().into_iter().find(|(_, path)| path == DIRECTORY).map(|(root, _)| root);
}

fn with_root<T>(action: impl FnOnce(&Descriptor) -> Result<T, ErrorCode>) -> Result<T, ErrorCode> {
    ROOT.with(|root| action(root.as_ref().ok_or(ErrorCode::NotPermitted)?))
}

/// Makes the two folders, if they are not there.
pub fn prepare() -> Result<(), String> {
    if ROOT.with(Option::is_none) {
        return Err(format!("no directory is granted: grant one with guest = \"{DIRECTORY}\" and write = true"));
    }
    for folder in ["objects", "new"] {
        match with_root(|root| root.create_directory_at(folder)) {
            Ok(()) | Err(ErrorCode::Exist) => {}
            Err(error) => return Err(format!("{DIRECTORY}/{folder} can't be made: {error}")),
        }
    }
    Ok(())
}

/// Whether the directory is still there.
pub fn check() -> Result<(), Error> {
    stat_at("objects").map(drop).map_err(failure)
}

/// Where the object with this key lies: `objects/a.d/b.o` for `a/b`.
pub fn path_of(key: &str) -> String {
    format!("{}.o", folder_of(key))
}

/// `objects/a.d/b` for `a/b`: the ending makes it an object's file or the folder beneath a prefix.
pub fn folder_of(key: &str) -> String {
    format!("objects/{}", key.replace('/', ".d/"))
}

pub fn stat(path: &str) -> Result<ObjectMeta, Error> {
    stat_at(path).map(|found| meta_of(&found)).map_err(failure)
}

fn stat_at(path: &str) -> Result<DescriptorStat, ErrorCode> {
    with_root(|root| root.stat_at(PathFlags::empty(), path))
}

/// The names in a folder; none if there is no such folder.
pub fn names_in(folder: &str) -> Result<Vec<String>, Error> {
    let opened = with_root(|root| root.open_at(PathFlags::empty(), folder, OpenFlags::DIRECTORY, DescriptorFlags::READ));
    let opened = match opened {
        Ok(opened) => opened,
        Err(ErrorCode::NoEntry) => return Ok(Vec::new()),
        Err(error) => return Err(failure(error)),
    };
    let entries = opened.read_directory().map_err(failure)?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry().map_err(failure)? {
        names.push(entry.name);
    }
    Ok(names)
}

pub fn delete(path: &str) -> Result<(), Error> {
    match with_root(|root| root.unlink_file_at(path)) {
        Ok(()) => {}
        Err(ErrorCode::NoEntry) => return Ok(()),
        Err(error) => return Err(failure(error)),
    }
    // Folders that hold nothing more only slow listings down; the first that is not empty ends this.
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/')
        && above != "objects"
        && with_root(|root| root.remove_directory_at(above)).is_ok()
    {
        folder = above;
    }
    Ok(())
}

/// An open file.
pub struct File(Descriptor);

impl File {
    pub fn open(path: &str) -> Result<Self, Error> {
        let opened = with_root(|root| root.open_at(PathFlags::empty(), path, OpenFlags::empty(), DescriptorFlags::READ));
        opened.map(Self).map_err(failure)
    }

    pub fn meta(&self) -> Result<ObjectMeta, Error> {
        self.0.stat().map(|found| meta_of(&found)).map_err(failure)
    }

    pub fn read(&self, length: u64, offset: u64) -> Result<Vec<u8>, Error> {
        self.0.read(length, offset).map(|(bytes, _)| bytes).map_err(failure)
    }

    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        let mut written = 0;
        while written < bytes.len() {
            let count = self.0.write(&bytes[written..], offset + written as u64).map_err(failure)?;
            written += count as usize;
        }
        Ok(())
    }

    pub fn sync(&self) -> Result<(), Error> {
        self.0.sync().map_err(failure)
    }
}

/// A new file that has no place among the objects yet.
pub struct Staged {
    pub file: File,
    path: String,
}

pub fn stage() -> Result<Staged, Error> {
    let path = format!("new/{:016x}{:016x}", get_random_u64(), get_random_u64());
    let how = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let create = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let opened = with_root(|root| root.open_at(PathFlags::empty(), &path, create, how));
    Ok(Staged { file: File(opened.map_err(failure)?), path })
}

/// Gives a staged file its place, in one step that replaces what is there.
pub fn publish(staged: &Staged, path: &str, durable: bool) -> Result<(), Error> {
    let folder = path.rsplit_once('/').map_or("objects", |(folder, _)| folder);
    // Somebody who deletes the last object in a folder removes the folder; then it is made once more.
    for _ in 0..100 {
        make_folders(folder)?;
        match with_root(|root| root.rename_at(&staged.path, root, path)) {
            Ok(()) => return if durable { sync_folders(folder) } else { Ok(()) },
            Err(ErrorCode::NoEntry) => {}
            Err(error) => return Err(failure(error)),
        }
    }
    Err(Error::Conflict)
}

pub fn discard(staged: &Staged) {
    // What can't be removed lies in `new/`, where nobody looks for objects.
    let _ = with_root(|root| root.unlink_file_at(&staged.path));
}

fn make_folders(folder: &str) -> Result<(), Error> {
    for (end, _) in folder.match_indices('/').chain([(folder.len(), "")]) {
        match with_root(|root| root.create_directory_at(&folder[..end])) {
            Ok(()) | Err(ErrorCode::Exist) => {}
            // Removed by somebody else again: the rename will tell.
            Err(ErrorCode::NoEntry) => return Ok(()),
            Err(error) => return Err(failure(error)),
        }
    }
    Ok(())
}

/// A name is durable when the folder that holds it is, up to the first that was there.
fn sync_folders(folder: &str) -> Result<(), Error> {
    let mut folder = folder;
    loop {
        let opened = with_root(|root| root.open_at(PathFlags::empty(), folder, OpenFlags::DIRECTORY, DescriptorFlags::READ));
        match opened.and_then(|opened| opened.sync()) {
            Ok(()) | Err(ErrorCode::NoEntry) => {}
            Err(error) => return Err(failure(error)),
        }
        let Some((above, _)) = folder.rsplit_once('/') else { return Ok(()) };
        folder = above;
    }
}

fn meta_of(found: &DescriptorStat) -> ObjectMeta {
    let modified_ms = found.data_modification_timestamp.map(|at| at.seconds * 1000 + u64::from(at.nanoseconds) / 1_000_000);
    ObjectMeta { size_bytes: found.size, modified_ms }
}

/// The storage error that an error of the file system is.
fn failure(error: ErrorCode) -> Error {
    match error {
        ErrorCode::NoEntry | ErrorCode::NotDirectory => Error::NotFound,
        ErrorCode::InsufficientSpace | ErrorCode::Quota => Error::NoSpace,
        ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly => Error::PermissionDenied(error.to_string()),
        other => Error::Other(other.to_string()),
    }
}
