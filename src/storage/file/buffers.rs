//! Buffers for reading, used again.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The size of a buffer, and so of the pieces that a large object is read in. Larger ones fall out of the CPU's second-level
/// cache between the copy from the page cache and the copy to the socket.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;

/// A bounded stock of buffers. Clearing a new one costs a third of what filling it costs.
pub(super) struct BufferPool {
    free: Mutex<Vec<Vec<u8>>>,
    max: usize,
}

impl BufferPool {
    pub(super) fn new(max: usize) -> Self {
        Self { free: Mutex::new(Vec::new()), max }
    }

    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer { bytes: free.unwrap_or_else(|| vec![0; BUFFER_BYTES]), len: 0, pool: Arc::clone(self) }
    }
}

/// A buffer that returns to its pool when the last slice of it is dropped.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
    pool: Arc<BufferPool>,
}

impl Buffer {
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first `len` bytes of it.
    pub(super) fn freeze(mut self, len: usize) -> Bytes {
        self.len = len.min(self.bytes.len());
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < self.pool.max {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}
