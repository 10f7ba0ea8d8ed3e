//! Streams of WASI that tell somebody of the bytes that pass.

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamResult};

/// Who is told of the bytes of a stream, and may stop it.
pub(super) trait Watch: Send + Sync + 'static {
    /// So many were read; they are given away only after this.
    fn came(&self, bytes: usize) -> StreamResult<()>;

    /// So many are about to be written.
    fn goes(&self, bytes: usize) -> StreamResult<()>;
}

/// A stream, with who is told of its bytes.
pub(super) struct Watched<S, W> {
    pub(super) inner: S,
    pub(super) watch: W,
}

#[async_trait]
impl<S: Pollable, W: Watch> Pollable for Watched<S, W> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl<W: Watch> InputStream for Watched<DynInputStream, W> {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        self.watch.came(bytes.len())?;
        Ok(bytes)
    }

    // Passed on, because a file does this without a task of its own.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.blocking_read(size).await?;
        self.watch.came(bytes.len())?;
        Ok(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl<W: Watch> OutputStream for Watched<DynOutputStream, W> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.watch.goes(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    // Passed on for the same reason.
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.watch.goes(bytes.len())?;
        self.inner.blocking_write_and_flush(bytes).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
