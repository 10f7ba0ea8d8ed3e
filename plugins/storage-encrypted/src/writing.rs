//! An object being written.

use crate::bindings::exports::wharf::storage::backend::{GuestWriter, WriteOptions};
use crate::bindings::wasi::random::random::get_random_bytes;
use crate::bindings::wharf::storage::backend as below;
use crate::bindings::wharf::storage::types::Error;
use crate::cipher::{Keyring, Sealer};
use crate::format::CHUNK_BYTES;
use std::cell::RefCell;

/// Sealed bytes are handed down in pieces of about so many; the contract's most is 1 MiB.
const PIECE_BYTES: usize = 512 * 1024;

/// An object being written. Dropped, it drops the writer below, which leaves nothing.
pub(crate) struct Writing {
    state: RefCell<State>,
}

struct State {
    below: below::Writer,
    sealer: Sealer,
    /// What is not sealed yet. A chunk is sealed only when more follows it, because the last one is sealed as the last.
    open: Vec<u8>,
    /// What is sealed and not handed down yet.
    sealed: Vec<u8>,
    chunks: u64,
    written_bytes: u64,
}

impl Writing {
    pub(crate) fn open(keyring: &Keyring, key: &str, options: WriteOptions) -> Result<Self, Error> {
        let random = get_random_bytes(32);
        let salt = random.try_into().map_err(|_| Error::Other("the host gave no random bytes".to_owned()))?;
        let (header, sealer) = keyring.seal(key, salt)?;
        let below = below::write(key, options)?;
        let state = State { below, sealer, open: Vec::new(), sealed: header.to_bytes(), chunks: 0, written_bytes: 0 };
        Ok(Self { state: RefCell::new(state) })
    }
}

impl GuestWriter for Writing {
    fn write(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.state.borrow_mut().write(&chunk)
    }

    fn finish(&self) -> Result<u64, Error> {
        self.state.borrow_mut().finish()
    }
}

impl State {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.written_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.open.len() == CHUNK_BYTES {
                self.seal(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.open.len()));
            self.open.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<u64, Error> {
        self.seal(true)?;
        if !self.sealed.is_empty() {
            self.hand_down()?;
        }
        self.below.finish()?;
        Ok(self.written_bytes)
    }

    fn seal(&mut self, is_last: bool) -> Result<(), Error> {
        self.sealer.seal(&self.open, self.chunks, is_last, &mut self.sealed)?;
        self.chunks += 1;
        self.open.clear();
        if self.sealed.len() >= PIECE_BYTES { self.hand_down() } else { Ok(()) }
    }

    fn hand_down(&mut self) -> Result<(), Error> {
        self.below.write(&self.sealed)?;
        self.sealed.clear();
        Ok(())
    }
}
