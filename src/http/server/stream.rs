//! A connection's bytes, whichever socket or cipher they come through.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Boxed: the TLS state is about 1 KiB, which plain connections need not carry.
    Tls(Box<TlsStream<Stream>>),
}

impl Stream {
    /// Whether files can be sent through it without being read.
    pub(super) fn sends_files(&self) -> bool {
        !matches!(self, Self::Tls(_))
    }

    /// Sends up to `count` bytes of a file from `at` on, without reading them; 0 at its end.
    pub(super) fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        file: impl AsFd,
        at: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_io(cx, |socket| rustix::fs::sendfile(socket, &file, Some(&mut { at }), count))
    }

    /// The same by reading and writing.
    pub(super) fn poll_copy_file(
        &self,
        cx: &mut Context<'_>,
        file: impl AsFd,
        at: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = vec![0; count];
        let read = rustix::io::retry_on_intr(|| rustix::io::pread(&file, &mut *buffer, at));
        match read {
            Ok(0) => Poll::Ready(Ok(0)),
            Ok(read) => self.poll_io(cx, |socket| rustix::net::send(socket, &buffer[..read], SendFlags::NOSIGNAL)),
            Err(errno) => Poll::Ready(Err(errno.into())),
        }
    }

    /// Writes bytes upon which a file follows at once: they may wait for it, and share a segment with its beginning.
    pub(super) fn poll_write_before_file(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        self.poll_io(cx, |socket| rustix::net::sendmsg(socket, bufs, &mut SendAncillaryBuffer::default(), flags))
    }

    /// Tries `act` whenever the socket takes bytes, until it has taken some.
    fn poll_io(
        &self,
        cx: &mut Context<'_>,
        mut act: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let done = match self {
                Self::Tcp(socket) => {
                    ready!(socket.poll_write_ready(cx))?;
                    socket.try_io(Interest::WRITABLE, || Ok(act(socket.as_fd())?))
                }
                Self::Unix(socket) => {
                    ready!(socket.poll_write_ready(cx))?;
                    socket.try_io(Interest::WRITABLE, || Ok(act(socket.as_fd())?))
                }
                Self::Tls(_) => Err(io::Error::other("a file can't be sent past TLS")),
            };
            match done {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

macro_rules! forward {
    ($self:ident, $inner:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Unix($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new(&mut **$inner);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, inner => inner.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, inner => inner.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, inner => inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(inner) => inner.is_write_vectored(),
            Self::Unix(inner) => inner.is_write_vectored(),
            Self::Tls(inner) => inner.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, inner => inner.poll_shutdown(cx))
    }
}
