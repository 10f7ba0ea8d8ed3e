//! Files sent by the kernel: from the page cache to the socket, past this process.
//!
//! `hyper` knows bodies of bytes only. So a [`FileBody`](body::FileBody) gives it *placeholders*: slices of one stretch
//! of zeros that exist for their address and their length, and says beside them, in the connection's [`FileOutlet`],
//! which bytes of which file they stand for. `hyper` frames and queues them like any bytes, without looking at them,
//! and hands them to the connection's stream. That one knows the address, and calls `sendfile` instead of writing.
//!
//! A placeholder must never reach a client. Therefore
//! * only a connection that replaces them gives its requests an outlet: HTTP/1.1 in clear text. TLS and HTTP/2 have none, and
//!   get bytes;
//! * what a placeholder stands for lives exactly as long as the placeholder, and one whose file is not next in line, or that
//!   comes to a stream without an outlet, ends the connection with an error.

mod body;
mod queue;

use std::sync::Arc;

use axum::body::Body;

pub(in crate::http) use queue::{Waiting, is_placeholder};

use crate::storage::FileSlice;

/// A connection's way out for files. Travels with a request as an extension, where its answer may make use of it.
#[derive(Clone, Default)]
pub struct FileOutlet {
    queue: Arc<queue::Queue>,
}

impl FileOutlet {
    /// A body that consists of the bytes of `file`. For the answer to a request that came through this very connection.
    pub(in crate::http) fn body(&self, file: FileSlice) -> Body {
        Body::new(body::FileBody::new(Arc::clone(&self.queue), file))
    }

    /// What the placeholder that is written next stands for.
    pub(in crate::http) fn next(&self, placeholder: &[u8]) -> Option<Waiting> {
        self.queue.next(placeholder)
    }

    /// So many bytes of it have gone.
    pub(in crate::http) fn sent(&self, bytes: usize) {
        self.queue.sent(bytes);
    }
}
