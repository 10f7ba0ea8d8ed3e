//! An HTTP/1.1 client that costs as little as possible, because it shares the machine with what it measures: blocking
//! sockets, one buffer per connection, and bodies that are counted instead of kept.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const BUFFER_BYTES: usize = 256 * 1024;

/// How much of a body is kept, for error messages.
const KEPT_BYTES_MAX: usize = 300;

/// A server that says nothing for so long is taken for dead.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// A keep-alive connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// What the server said.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The path and query of `Location`.
    pub(super) location: Option<String>,
    /// The path and query of the page that `Link` names.
    pub(super) next: Option<String>,
    kept: Vec<u8>,
}

impl Answer {
    /// # Errors
    /// When the status is not `status`; the error quotes the body.
    pub(super) fn expect(&self, status: u16) -> Result<()> {
        let said = String::from_utf8_lossy(&self.kept);
        ensure!(self.status == status, "answered {} instead of {status}: {}", self.status, said.trim());
        Ok(())
    }
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("the server closed the connection while it was sent a request")
    }

    /// Reads one answer to its end.
    pub(super) fn receive(&mut self) -> Result<Answer> {
        let line = self.line()?;
        let status = std::str::from_utf8(line.get(9..12).unwrap_or_default())?.parse();
        let mut answer = Answer { status: status.context("no status line")?, ..Answer::default() };
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?;
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                length = Some(std::str::from_utf8(value)?.parse()?);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                chunked = value.eq_ignore_ascii_case(b"chunked");
            } else if name.eq_ignore_ascii_case(b"location") {
                answer.location = Some(path_of(value));
            } else if name.eq_ignore_ascii_case(b"link") {
                let url = value.split(|byte| *byte == b'>').next().unwrap_or_default();
                answer.next = Some(path_of(url.trim_ascii_start().strip_prefix(b"<").unwrap_or(url)));
            }
        }
        match length {
            _ if matches!(answer.status, 100..200 | 204 | 304) => {}
            _ if chunked => self.skip_chunks(&mut answer)?,
            Some(bytes) => self.skip(bytes, &mut answer)?,
            None => bail!("an answer without a length"),
        }
        Ok(answer)
    }

    /// Sends a request and reads its answer.
    pub(super) fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.send(request)?;
        self.receive()
    }

    fn skip_chunks(&mut self, answer: &mut Answer) -> Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let bytes = u64::from_str_radix(std::str::from_utf8(size)?.trim(), 16)?;
            if bytes == 0 {
                self.line()?;
                return Ok(());
            }
            self.skip(bytes, answer)?;
            self.line()?;
        }
    }

    /// Reads over a part of the body.
    fn skip(&mut self, bytes: u64, answer: &mut Answer) -> Result<()> {
        let mut left = bytes;
        while left > 0 {
            if self.start == self.end {
                self.fill()?;
            }
            let here = left.min((self.end - self.start) as u64) as usize;
            let kept = here.min(KEPT_BYTES_MAX - answer.kept.len());
            answer.kept.extend_from_slice(&self.buffer[self.start..self.start + kept]);
            self.start += here;
            left -= here as u64;
        }
        Ok(())
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<&[u8]> {
        let mut looked = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(at) = unread[looked..].iter().position(|byte| *byte == b'\n') {
                let line = self.start..self.start + looked + at;
                self.start = line.end + 1;
                let line = &self.buffer[line];
                return Ok(line.strip_suffix(b"\r").unwrap_or(line));
            }
            looked = unread.len();
            self.fill()?;
        }
    }

    /// Reads more, behind what is still unread.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        ensure!(self.end < self.buffer.len(), "a header line without an end");
        let count = self.stream.read(&mut self.buffer[self.end..]).context("the server did not answer")?;
        ensure!(count > 0, "the server closed the connection instead of answering");
        self.end += count;
        Ok(())
    }
}

/// The path and query of a URL that may be absolute.
fn path_of(url: &[u8]) -> String {
    let url = String::from_utf8_lossy(url);
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or_else(|| "/".to_owned(), |slash| rest[slash..].to_owned()),
        None => url.into_owned(),
    }
}
