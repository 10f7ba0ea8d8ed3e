//! How an encrypted object looks.
//!
//! | Bytes | What |
//! |---|---|
//! | 8 | `wharfenc` |
//! | 1 | the version, 1 |
//! | 7 | zero |
//! | 8 | the name of the key |
//! | 32 | random: the salt from which the object's own key is made |
//! | … | chunks of 65,536 bytes, the last one of fewer (none, if the object is empty), each with 16 bytes behind it that prove it |

use crate::bindings::wharf::storage::types::{Error, ObjectMeta};

const MAGIC: &[u8; 8] = b"wharfenc";
const VERSION: u8 = 1;

/// Bytes of a chunk.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes that prove a chunk.
pub(crate) const PROOF_BYTES: usize = 16;
/// Bytes of a chunk with its proof.
pub(crate) const SEALED_BYTES: usize = CHUNK_BYTES + PROOF_BYTES;
/// Bytes before the first chunk.
pub(crate) const HEADER_BYTES: usize = 56;

/// What stands before the first chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key_name: [u8; 8],
    pub(crate) salt: [u8; 32],
}

impl Header {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [MAGIC, &[VERSION, 0, 0, 0, 0, 0, 0, 0][..], &self.key_name, &self.salt].concat()
    }

    /// Nothing, if these bytes are no header.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let start = [MAGIC, &[VERSION, 0, 0, 0, 0, 0, 0, 0][..]].concat();
        let (key_name, salt) = bytes.strip_prefix(&start[..])?.split_at_checked(8)?;
        Some(Self { key_name: key_name.try_into().ok()?, salt: salt.try_into().ok()? })
    }
}

/// The size of what was encrypted, by that of the object below; nothing, if no object of ours has this size.
pub(crate) fn plain_bytes(stored_bytes: u64) -> Option<u64> {
    let sealed = stored_bytes.checked_sub(HEADER_BYTES as u64)?;
    let chunks = sealed.div_ceil(SEALED_BYTES as u64);
    let last = sealed.checked_sub(chunks.checked_sub(1)? * SEALED_BYTES as u64)?;
    // A chunk without content is there only if it is the only one.
    let is_whole = last > PROOF_BYTES as u64 || (chunks == 1 && last == PROOF_BYTES as u64);
    is_whole.then(|| sealed - chunks * PROOF_BYTES as u64)
}

/// Of an object below, what it is above.
pub(crate) fn plain_meta(meta: ObjectMeta) -> Option<ObjectMeta> {
    Some(ObjectMeta { size_bytes: plain_bytes(meta.size_bytes)?, modified_ms: meta.modified_ms })
}

/// How many chunks an object of this many bytes has.
pub(crate) fn chunks(plain_bytes: u64) -> u64 {
    plain_bytes.div_ceil(CHUNK_BYTES as u64).max(1)
}

/// Where a chunk begins in the object below.
pub(crate) fn chunk_offset(chunk: u64) -> u64 {
    HEADER_BYTES as u64 + chunk * SEALED_BYTES as u64
}

/// What is said of an object that was not encrypted here, or was cut.
pub(crate) fn not_ours(key: &str) -> Error {
    Error::Corrupt(format!("{key} is not an object that storage-encrypted wrote, or part of it is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_go_both_ways() {
        let chunk = CHUNK_BYTES as u64;
        for plain in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 10 * chunk + 7] {
            let stored = HEADER_BYTES as u64 + plain + chunks(plain) * PROOF_BYTES as u64;
            assert_eq!(plain_bytes(stored), Some(plain));
        }
        let sealed = SEALED_BYTES as u64;
        for stored in [0, 55, 56, 71, 56 + sealed + 16, 56 + sealed + 1, 56 + 2 * sealed + 15] {
            assert_eq!(plain_bytes(stored), None, "{stored}");
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header { key_name: [1; 8], salt: [2; 32] };
        let bytes = header.to_bytes();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(Header::parse(&bytes), Some(header));
        for at in 0..16 {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(Header::parse(&other), None, "{at}");
        }
        assert_eq!(Header::parse(&bytes[..55]), None);
    }
}
