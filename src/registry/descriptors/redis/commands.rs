//! The commands, and the keys of `distribution` that they work on:
//!
//! | Key | What it is | Fields |
//! |---|---|---|
//! | `repository::NAME::blobs` | set: what the repository has | |
//! | `repository::NAME::blobs::DIGEST` | hash: the entry of one | `mediatype`; of ours `wharf-blob`, `wharf-manifest` |
//! | `blobs::DIGEST` | hash: what is true in every repository | `digest`, `size`, `mediatype` |
//!
//! Nothing of it ends by itself, except the mark of a removal.

use ::redis::{Cmd, cmd};

use super::seal::GONE;
use super::{CachedDescriptor, DescriptorKey};
use crate::registry::descriptors::Kind;

/// How long the mark of a removal keeps entries out that somebody found before it and writes after it, in milliseconds.
const GONE_MILLIS: u64 = 30_000;

/// Writes an entry, unless the mark of a removal is there. One command, so nothing can come between.
const KEEP: &str = "\
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old and string.sub(old, 1, 5) == 'gone ' and tonumber(ARGV[3]) - (tonumber(string.sub(old, 6)) or 0) < tonumber(ARGV[4]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSETNX', KEYS[1], 'mediatype', ARGV[5])
redis.call('PERSIST', KEYS[1])
return 1";

/// Puts the mark of a removal in the place of an entry.
const FORGET: &str = "\
redis.call('HDEL', KEYS[1], 'mediatype')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1";

/// Asks for an entry.
pub(super) fn look_up(key: &DescriptorKey) -> Cmd {
    cmd("HGET").arg(entry(key)).arg(field(key)).take()
}

/// Writes a sealed entry; answers 1 if it did, 0 if it was removed a moment ago.
pub(super) fn keep(key: &DescriptorKey, sealed: &str, now_millis: u64, media_type: &str) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(KEEP).arg(1).arg(entry(key));
    command.arg(field(key)).arg(sealed).arg(now_millis).arg(GONE_MILLIS).arg(media_type).take()
}

/// Writes what `distribution` looks at besides.
pub(super) fn keep_for_others(key: &DescriptorKey, descriptor: &CachedDescriptor) -> [Cmd; 3] {
    let CachedDescriptor { canonical, size, media_type } = descriptor;
    let everywhere = everywhere(key);
    [
        cmd("HSET").arg(&everywhere).arg("digest").arg(canonical.as_str()).arg("size").arg(*size).take(),
        cmd("HSETNX").arg(&everywhere).arg("mediatype").arg(media_type).take(),
        cmd("SADD").arg(members(key)).arg(key.digest.as_str()).take(),
    ]
}

/// Removes an entry with everything that `distribution` looks at.
pub(super) fn forget(key: &DescriptorKey, now_millis: u64) -> [Cmd; 3] {
    let mut mark = cmd("EVAL");
    mark.arg(FORGET).arg(1).arg(entry(key)).arg(field(key)).arg(format!("{GONE}{now_millis}")).arg(GONE_MILLIS);
    [
        mark,
        cmd("SREM").arg(members(key)).arg(key.digest.as_str()).take(),
        cmd("HDEL").arg(everywhere(key)).arg("digest").arg("size").arg("mediatype").take(),
    ]
}

fn entry(key: &DescriptorKey) -> String {
    format!("repository::{}::blobs::{}", key.repository, key.digest)
}

fn members(key: &DescriptorKey) -> String {
    format!("repository::{}::blobs", key.repository)
}

fn everywhere(key: &DescriptorKey) -> String {
    format!("blobs::{}", key.digest)
}

fn field(key: &DescriptorKey) -> &'static str {
    match key.kind {
        Kind::Blob => "wharf-blob",
        Kind::Manifest => "wharf-manifest",
    }
}
