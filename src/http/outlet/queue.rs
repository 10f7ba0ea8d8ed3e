//! Placeholders, and what they stand for.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::storage::FileSlice;

/// The longest placeholder, and so the most bytes of a file that are under way to the socket at once.
pub(super) const PLACEHOLDER_BYTES_MAX: usize = 2 << 20;

/// What placeholders are slices of. Nobody reads it, so it takes addresses, but no memory.
static ZEROS: LazyLock<Box<[u8]>> = LazyLock::new(|| vec![0; PLACEHOLDER_BYTES_MAX].into());

/// Whether these are no bytes to be sent, but a placeholder.
pub(in crate::http) fn is_placeholder(bytes: &[u8]) -> bool {
    !bytes.is_empty() && ZEROS.as_ptr_range().contains(&bytes.as_ptr())
}

/// The bytes that placeholders stand for, in the order in which they are written.
#[derive(Default)]
pub(super) struct Queue(Mutex<Pieces>);

#[derive(Default)]
struct Pieces {
    pieces: VecDeque<Piece>,
    tickets: u64,
}

struct Piece {
    ticket: u64,
    file: Arc<FileSlice>,
    /// Where in the file it begins.
    at: u64,
    len: usize,
    sent: usize,
}

/// Bytes of a file that are to be sent now.
pub(in crate::http) struct Waiting {
    /// Of which file.
    pub(in crate::http) file: Arc<FileSlice>,
    /// From where on.
    pub(in crate::http) at: u64,
}

impl Queue {
    /// A placeholder for `len` bytes of `file` from `at` on: at most [`PLACEHOLDER_BYTES_MAX`].
    pub(super) fn announce(self: &Arc<Self>, file: &Arc<FileSlice>, at: u64, len: usize) -> Bytes {
        let len = len.min(PLACEHOLDER_BYTES_MAX);
        let mut pieces = self.lock();
        let ticket = pieces.tickets;
        pieces.tickets += 1;
        pieces.pieces.push_back(Piece { ticket, file: Arc::clone(file), at, len, sent: 0 });
        drop(pieces);
        Bytes::from_owner(Placeholder { queue: Arc::clone(self), ticket, len })
    }

    /// What stands first in line, if it is this rest of a placeholder that stands for it.
    pub(super) fn next(&self, rest: &[u8]) -> Option<Waiting> {
        let pieces = self.lock();
        let piece = pieces.pieces.front()?;
        let fits = rest.as_ptr() == ZEROS.as_ptr().wrapping_add(piece.sent) && rest.len() == piece.len - piece.sent;
        fits.then(|| Waiting { file: Arc::clone(&piece.file), at: piece.at + piece.sent as u64 })
    }

    /// So many bytes of what stands first in line have gone.
    pub(super) fn sent(&self, bytes: usize) {
        let mut pieces = self.lock();
        let Some(piece) = pieces.pieces.front_mut() else { return };
        piece.sent = (piece.sent + bytes).min(piece.len);
        if piece.sent == piece.len {
            pieces.pieces.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().pieces.len()
    }
}

/// Owns a place in the queue, which is given up with it: what is never written must not hold up what is.
struct Placeholder {
    queue: Arc<Queue>,
    ticket: u64,
    len: usize,
}

impl AsRef<[u8]> for Placeholder {
    fn as_ref(&self) -> &[u8] {
        &ZEROS[..self.len]
    }
}

impl Drop for Placeholder {
    fn drop(&mut self) {
        self.queue.lock().pieces.retain(|piece| piece.ticket != self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::file::testing::{file_of, slice};

    fn digits() -> Arc<FileSlice> {
        Arc::new(slice(file_of(b"0123456789"), 0..10))
    }

    #[test]
    fn a_placeholder_is_told_by_its_address_alone() {
        let queue = Arc::new(Queue::default());
        let placeholder = queue.announce(&digits(), 2, 8);
        assert!(is_placeholder(&placeholder) && is_placeholder(&placeholder[7..]));
        assert!(!is_placeholder(&[0; 8]) && !is_placeholder(&placeholder[8..]));
    }

    #[test]
    fn only_the_placeholder_that_is_next_in_line_gets_its_file() {
        let queue = Arc::new(Queue::default());
        let file = digits();
        let (first, second) = (queue.announce(&file, 0, 4), queue.announce(&file, 4, 6));
        assert_eq!(queue.next(&first).map(|waiting| waiting.at), Some(0));
        assert!(queue.next(&second).is_none() && queue.next(&first[1..]).is_none());
        queue.sent(1);
        assert_eq!(queue.next(&first[1..]).map(|waiting| waiting.at), Some(1));
        assert!(queue.next(&first).is_none());
        queue.sent(3);
        drop(first);
        assert_eq!(queue.next(&second).map(|waiting| waiting.at), Some(4));
    }

    #[test]
    fn what_is_dropped_unwritten_leaves_the_line() {
        let queue = Arc::new(Queue::default());
        let file = digits();
        let (first, second) = (queue.announce(&file, 0, 4), queue.announce(&file, 4, 6));
        queue.sent(1);
        drop(first);
        assert_eq!(queue.next(&second).map(|waiting| waiting.at), Some(4));
        drop(second);
        assert_eq!(queue.len(), 0);
    }
}
