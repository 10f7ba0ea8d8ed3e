//! Keys, and the sealing of chunks.
//!
//! Each object has a key of its own, made by HKDF-SHA256 from the operator's key, a random salt and the object's name in storage.
//! Its chunks are sealed by ChaCha20-Poly1305 (in WebAssembly there are no instructions for AES), each with its number and whether
//! it is the last as its nonce (the STREAM construction): a chunk that is changed, moved, left out, doubled, taken from another
//! object, or an object that is cut or put under another name, can't be opened.

use crate::bindings::wharf::storage::types::Error;
use crate::format::Header;
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use wharf_plugin_support::config::{Problem, Reader as Config};

/// The operator's keys, the one to write with first.
pub(crate) struct Keyring {
    keys: Vec<MasterKey>,
}

struct MasterKey {
    name: [u8; 8],
    bytes: [u8; 32],
}

impl MasterKey {
    fn new(bytes: [u8; 32]) -> Self {
        let mut name = [0; 8];
        derive(&bytes, b"", b"wharf storage-encrypted key name", &mut name);
        Self { name, bytes }
    }
}

impl Keyring {
    pub(crate) fn read(mut config: Config) -> Result<Self, Vec<Problem>> {
        let mut texts =
            vec![("key", config.required("key", "64 hexadecimal digits, as `openssl rand -hex 32` prints them"))];
        texts.extend(config.list("old-keys").into_iter().map(|text| ("old-keys", text)));
        let mut keys = Vec::new();
        for (name, text) in texts {
            match parse(text.trim()) {
                Some(bytes) => keys.push(MasterKey::new(bytes)),
                None if text.is_empty() => {}
                None => config.problem(name, "is not 64 hexadecimal digits, as `openssl rand -hex 32` prints them"),
            }
        }
        config.finish(Self { keys })
    }

    /// The header of a new object, and what seals its chunks.
    pub(crate) fn seal(&self, key: &str, salt: [u8; 32]) -> Result<(Header, Sealer), Error> {
        let master = self.keys.first().ok_or_else(|| Error::Other("there is no key".to_owned()))?;
        let header = Header { key_name: master.name, salt };
        Ok((header, Sealer::new(master, key, &header)))
    }

    /// What opens the chunks of an object.
    pub(crate) fn open(&self, key: &str, header: &Header) -> Result<Sealer, Error> {
        let master = self.keys.iter().find(|master| master.name == header.key_name);
        let unknown =
            || Error::Corrupt(format!("{key} was encrypted with a key that is not configured: add it to `old-keys`"));
        Ok(Sealer::new(master.ok_or_else(unknown)?, key, header))
    }
}

/// Seals and opens the chunks of one object.
pub(crate) struct Sealer {
    cipher: ChaCha20Poly1305,
}

impl Sealer {
    fn new(master: &MasterKey, key: &str, header: &Header) -> Self {
        let mut bytes = [0; 32];
        derive(&master.bytes, &header.salt, &[b"wharf storage-encrypted 1 ", key.as_bytes()].concat(), &mut bytes);
        Self { cipher: ChaCha20Poly1305::new(&bytes.into()) }
    }

    /// Seals a chunk and adds it to `sealed`.
    pub(crate) fn seal(&self, chunk: &[u8], number: u64, is_last: bool, sealed: &mut Vec<u8>) -> Result<(), Error> {
        let start = sealed.len();
        sealed.extend_from_slice(chunk);
        let content = sealed.get_mut(start..).unwrap_or_default();
        let too_large = |_| Error::Other("a chunk can't be sealed".to_owned());
        let proof =
            self.cipher.encrypt_in_place_detached(&nonce(number, is_last).into(), b"", content).map_err(too_large)?;
        sealed.extend_from_slice(&proof);
        Ok(())
    }

    /// Opens a sealed chunk in its place; nothing, if it is not what was sealed.
    pub(crate) fn open(&self, sealed: &mut Vec<u8>, number: u64, is_last: bool) -> Option<()> {
        let length = sealed.len().checked_sub(crate::format::PROOF_BYTES)?;
        let proof: [u8; 16] = sealed.get(length..)?.try_into().ok()?;
        sealed.truncate(length);
        self.cipher.decrypt_in_place_detached(&nonce(number, is_last).into(), b"", sealed, &Tag::from(proof)).ok()
    }
}

fn nonce(number: u64, is_last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(is_last);
    nonce
}

fn derive(secret: &[u8], salt: &[u8], purpose: &[u8], key: &mut [u8]) {
    // Fails only for keys of more than 8160 bytes.
    let _ = Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose, key);
}

fn parse(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(pairs: &[(&str, &str)]) -> Result<Keyring, Vec<Problem>> {
        Keyring::read(Config::of(pairs))
    }

    fn sealed(keyring: &Keyring, key: &str, chunks: &[&[u8]]) -> (Header, Vec<Vec<u8>>) {
        let (header, sealer) = keyring.seal(key, [7; 32]).unwrap();
        let seal = |(at, chunk): (usize, &&[u8])| {
            let mut sealed = Vec::new();
            sealer.seal(chunk, at as u64, at + 1 == chunks.len(), &mut sealed).unwrap();
            sealed
        };
        (header, chunks.iter().enumerate().map(seal).collect())
    }

    #[test]
    fn only_what_was_sealed_there_opens() {
        let one = "11".repeat(32);
        let keyring = keyring(&[("key", &one)]).unwrap();
        let (header, chunks) = sealed(&keyring, "a", &[b"first", b"second"]);
        let opens = |key: &str, chunk: &[u8], number, is_last| {
            let mut chunk = chunk.to_vec();
            keyring.open(key, &header).unwrap().open(&mut chunk, number, is_last).map(|()| chunk)
        };
        assert_eq!(opens("a", &chunks[0], 0, false), Some(b"first".to_vec()));
        assert_eq!(opens("a", &chunks[1], 1, true), Some(b"second".to_vec()));
        assert_eq!(opens("a", &chunks[1], 0, true), None, "moved");
        assert_eq!(opens("a", &chunks[0], 0, true), None, "cut behind");
        assert_eq!(opens("a", &chunks[1], 1, false), None, "lengthened");
        assert_eq!(opens("b", &chunks[0], 0, false), None, "under another name");
        assert_eq!(opens("a", &chunks[0][1..], 0, false), None, "shortened");
        assert_eq!(opens("a", &[], 0, false), None);
        let mut changed = chunks[0].clone();
        changed[0] ^= 1;
        assert_eq!(opens("a", &changed, 0, false), None, "changed");
        let other = Header { salt: [8; 32], ..header };
        assert!(keyring.open("a", &other).unwrap().open(&mut chunks[0].clone(), 0, false).is_none());
    }

    #[test]
    fn old_keys_open_and_new_ones_seal() {
        let (one, two) = ("11".repeat(32), "22".repeat(32));
        let (header, mut chunks) = sealed(&keyring(&[("key", &one)]).unwrap(), "a", &[b"x"]);
        let both = keyring(&[("key", &two), ("old-keys", &one)]).unwrap();
        assert!(both.open("a", &header).unwrap().open(&mut chunks[0], 0, true).is_some());
        assert_ne!(both.seal("a", [0; 32]).unwrap().0.key_name, header.key_name);
        assert!(matches!(keyring(&[("key", &two)]).unwrap().open("a", &header), Err(Error::Corrupt(_))));
    }

    #[test]
    fn keys_are_64_digits() {
        assert!(keyring(&[]).is_err());
        for wrong in ["x", &"1".repeat(63), &"g".repeat(64), &"+1".repeat(32)] {
            let problems = keyring(&[("key", wrong)]).err().unwrap();
            assert!(!format!("{problems:?}").contains(wrong) || wrong == "x", "the key is told");
        }
    }
}
