//! A body made of placeholders.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::queue::{PLACEHOLDER_BYTES_MAX, Queue};
use crate::storage::{FileSlice, Result, StorageError};

/// The bytes of a file, piece by piece. A piece is announced when it is in memory, because sending it must not make the
/// asynchronous thread wait for a disk; until then a blocking thread loads it. Once one had to be loaded, so has the next
/// one most likely: it is loaded while this one is sent.
pub(super) struct FileBody {
    queue: Arc<Queue>,
    file: Arc<FileSlice>,
    left: Range<u64>,
    /// The next piece, being loaded.
    loading: Option<JoinHandle<Result<()>>>,
}

impl FileBody {
    pub(super) fn new(queue: Arc<Queue>, file: FileSlice) -> Self {
        let left = file.range();
        Self { queue, file: Arc::new(file), left, loading: None }
    }

    fn piece(&self) -> Range<u64> {
        self.left.start..self.left.end.min(self.left.start + PLACEHOLDER_BYTES_MAX as u64)
    }

    fn load(&self) -> JoinHandle<Result<()>> {
        let (file, piece) = (Arc::clone(&self.file), self.piece());
        tokio::task::spawn_blocking(move || file.load(piece))
    }

    /// Waits until the next piece is in memory. Tells whether it had to be loaded.
    fn poll_loaded(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        if self.loading.is_none() {
            if self.file.in_memory(self.piece())? {
                return Poll::Ready(Ok(false));
            }
            self.loading = Some(self.load());
        }
        let Some(loading) = &mut self.loading else { return Poll::Ready(Ok(false)) };
        let loaded = ready!(Pin::new(loading).poll(cx));
        self.loading = None;
        // A thread that panicked, or a runtime that is being shut down: then the kernel loads it while it is sent.
        Poll::Ready(loaded.unwrap_or(Ok(())).map(|()| true))
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = StorageError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, StorageError>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let loaded = match ready!(self.poll_loaded(cx)) {
            Ok(loaded) => loaded,
            Err(error) => {
                self.left.start = self.left.end;
                return Poll::Ready(Some(Err(error)));
            }
        };
        let Range { start, end } = self.piece();
        let len = usize::try_from(end - start).unwrap_or(PLACEHOLDER_BYTES_MAX);
        let placeholder = self.queue.announce(&self.file, start, len);
        self.left.start = end;
        if loaded && !self.left.is_empty() {
            self.loading = Some(self.load());
        }
        Poll::Ready(Some(Ok(Frame::data(placeholder))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end.saturating_sub(self.left.start))
    }
}
