//! The one `unsafe` call of this program.
//!
//! wasmtime can't check compiled code: whatever is handed to [`Component::deserialize`] is mapped executable and run.
//! Its contract is that the bytes came from `serialize` of the same version of wasmtime and were not changed since.
//! That holds here because:
//!
//! 1. The argument's type, [`OwnCode`], has one constructor, `Kept::load`.
//! 2. `Kept::load` reads only files in a directory that belongs to this process's user and that nobody else can write to, and
//!    only files that themselves belong to that user and that nobody else can write to, and never through a symbolic link.
//!    Whoever can write there runs as this user already, and could as well replace the program.
//! 3. Into such a file goes only what `Component::serialize` gave (`compile.rs`), under a name that holds the hash of wasmtime's
//!    version, settings and processor features; wasmtime compares them once more when it reads the header.
//! 4. A SHA-256 at the file's end finds torn writes and rotten disks.
#![allow(unsafe_code, reason = "argued above")]

use wasmtime::Engine;
use wasmtime::component::Component;

use super::kept::OwnCode;

/// The component that compiled code was made from.
///
/// # Errors
/// When wasmtime finds that another version or other settings made it.
pub(super) fn deserialize(engine: &Engine, code: &OwnCode) -> wasmtime::Result<Component> {
    // SAFETY: see above.
    unsafe { Component::deserialize(engine, code.bytes()) }
}
