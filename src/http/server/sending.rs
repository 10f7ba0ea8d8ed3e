//! The lowest part of a connection: bytes go to the socket as they are, placeholders as the files that they stand for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use crate::http::FileOutlet;
use crate::http::outlet::{Waiting, is_placeholder};

/// How many bytes are copied at a time where the kernel can't send the file by itself.
const COPY_BYTES: usize = 64 * 1024;

/// A connection's stream, with the outlet of the connection if it has one.
pub(super) struct Sending {
    stream: Stream,
    outlet: Option<FileOutlet>,
}

impl Sending {
    pub(super) fn new(stream: Stream, outlet: Option<FileOutlet>) -> Self {
        Self { stream, outlet }
    }

    fn poll_send_file(&mut self, cx: &mut Context<'_>, placeholder: &[u8]) -> Poll<io::Result<usize>> {
        let next = self.outlet.as_ref().and_then(|outlet| Some((outlet, outlet.next(placeholder)?)));
        let Some((outlet, Waiting { file, at })) = next else {
            tracing::error!("a file's place in an answer has come to the socket without its file: a bug");
            return Poll::Ready(Err(io::Error::other("a placeholder without its file")));
        };
        let mut sent = ready!(self.stream.poll_send_file(cx, &*file, at, placeholder.len()));
        if sent.as_ref().is_err_and(cannot_send) {
            sent = ready!(self.stream.poll_copy_file(cx, &*file, at, placeholder.len().min(COPY_BYTES)));
        }
        match sent {
            Ok(0) => {
                let error = file.shorter(at);
                tracing::error!(%error, "an answer was broken off");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, error)))
            }
            Ok(count) => {
                outlet.sent(count);
                Poll::Ready(Ok(count))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// Whether an error means that this file system's files can't be sent at all.
fn cannot_send(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

impl AsyncRead for Sending {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Sending {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if is_placeholder(buf) {
            return self.poll_send_file(cx, buf);
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs.iter().position(|buf| is_placeholder(buf)) {
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
            Some(0) => self.poll_send_file(cx, &bufs[0]),
            Some(first) => self.stream.poll_write_before_file(cx, &bufs[..first]),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::storage::file::testing::{file_of, slice};

    async fn pair(outlet: Option<FileOutlet>) -> (Sending, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Sending::new(Stream::Tcp(listener.accept().await.unwrap().0), outlet), client)
    }

    /// Writes a body as `hyper` does, with a head before its first piece.
    async fn write(sending: &mut Sending, outlet: &FileOutlet, file: File, len: u64) -> io::Result<()> {
        let mut body = outlet.body(slice(file, 0..len));
        let mut head = &b"head"[..];
        while let Some(frame) = body.frame().await {
            let piece = frame.map_err(io::Error::other)?.into_data().unwrap();
            let mut piece = &piece[..];
            while !head.is_empty() || !piece.is_empty() {
                let bufs = [IoSlice::new(head), IoSlice::new(piece)];
                let mut sent = sending.write_vectored(if head.is_empty() { &bufs[1..] } else { &bufs }).await?;
                let of_head = sent.min(head.len());
                (head, sent) = (&head[of_head..], sent - of_head);
                piece = &piece[sent..];
            }
        }
        sending.shutdown().await
    }

    async fn received(mut client: TcpStream) -> Vec<u8> {
        let mut received = Vec::new();
        let _ = client.read_to_end(&mut received).await;
        received
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_arrives_in_place_of_its_placeholders() {
        let content: Vec<u8> = (0..3_000_001_u32).flat_map(|n| n.to_le_bytes()).collect();
        let outlet = FileOutlet::default();
        let (mut sending, client) = pair(Some(outlet.clone())).await;
        let client = tokio::spawn(received(client));
        write(&mut sending, &outlet, file_of(&content), content.len() as u64).await.unwrap();
        let received = client.await.unwrap();
        assert!(received.starts_with(b"head") && received[4..] == content);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_that_the_kernel_let_go_are_loaded_first() {
        let content = vec![42; 5 << 20];
        let file = file_of(&content);
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        let outlet = FileOutlet::default();
        let (mut sending, client) = pair(Some(outlet.clone())).await;
        let client = tokio::spawn(received(client));
        write(&mut sending, &outlet, file, content.len() as u64).await.unwrap();
        assert!(client.await.unwrap()[4..] == content);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_placeholder_without_its_file_is_never_sent() {
        let outlet = FileOutlet::default();
        let mut body = outlet.body(slice(file_of(&[1; 5000]), 0..5000));
        let placeholder = body.frame().await.unwrap().unwrap().into_data().unwrap();
        for other in [None, Some(FileOutlet::default())] {
            let (mut sending, client) = pair(other).await;
            assert!(sending.write(&placeholder).await.is_err());
            assert!(sending.write_vectored(&[IoSlice::new(&placeholder)]).await.is_err());
            drop(sending);
            assert_eq!(received(client).await, b"");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_has_become_shorter_is_an_error() {
        let outlet = FileOutlet::default();
        let file = file_of(&[1; 5000]);
        let mut body = outlet.body(slice(file.try_clone().unwrap(), 0..5000));
        let placeholder = body.frame().await.unwrap().unwrap().into_data().unwrap();
        file.set_len(1000).unwrap();
        let (mut sending, client) = pair(Some(outlet)).await;
        assert_eq!(sending.write(&placeholder).await.unwrap(), 1000);
        let error = sending.write(&placeholder[1000..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        drop(sending);
        assert_eq!(received(client).await.len(), 1000);
    }

    #[tokio::test]
    async fn what_the_kernel_can_not_send_is_copied() {
        let (mut sending, client) = pair(None).await;
        let file = file_of(b"0123456789");
        let copied = std::future::poll_fn(|cx| sending.stream.poll_copy_file(cx, &file, 2, 5)).await;
        assert_eq!(copied.unwrap(), 5);
        sending.shutdown().await.unwrap();
        assert_eq!(received(client).await, b"23456");
    }
}
