//! As much of HTTP/1.1 as the proxy has to understand: where a message ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// A first line and headers, as they came.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) bytes: Vec<u8>,
}

impl Head {
    /// The next head; `None` at the end of the connection.
    pub(super) fn read(from: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut bytes).ok()? == 0 {
                return None;
            }
        }
        Some(Self { bytes })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Method and target.
    pub(super) fn request_line(&self) -> String {
        let text = self.text();
        let first = text.lines().next().unwrap_or_default();
        first.rsplit_once(' ').map_or(first, |(line, _)| line).to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let pairs = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some()
    }

    pub(super) fn length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }

    /// The message's body, without its framing.
    pub(super) fn body(&self, from: &mut BufReader<TcpStream>, bodiless: bool) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        if bodiless || self.bytes.starts_with(b"HTTP/1.1 204") || self.bytes.starts_with(b"HTTP/1.1 304") {
            return Some(body);
        }
        if self.header("transfer-encoding").is_none() {
            body.resize(self.length().unwrap_or_default(), 0);
            from.read_exact(&mut body).ok()?;
            return Some(body);
        }
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            let bytes = usize::from_str_radix(line.trim(), 16).ok()?;
            let start = body.len();
            body.resize(start + bytes + 2, 0);
            from.read_exact(&mut body[start..]).ok()?;
            body.truncate(start + bytes);
            if bytes == 0 {
                return Some(body);
            }
        }
    }
}

/// A whole answer.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// An error in S3's words.
    pub(super) fn error(status: u16, code: &str, retry_after: Option<u64>) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>A fault of the test's.</Message>\
             <RequestId>1</RequestId></Error>"
        );
        let later = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\n{later}Content-Length: {length}\r\n\r\n"
        );
        Self { head: Head { bytes: head.into_bytes() }, body: body.into_bytes() }
    }

    /// Head and body, with the body's length in the place of whatever framing there was.
    pub(super) fn encode(&self, bodiless: bool) -> Vec<u8> {
        let text = self.head.text();
        let chunked = self.head.header("transfer-encoding").is_some();
        let mut bytes = Vec::new();
        for line in text.trim_end().split("\r\n") {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let framing = name == "transfer-encoding" || (name == "content-length" && !bodiless);
            if !framing {
                bytes.extend_from_slice(line.as_bytes());
                bytes.extend_from_slice(b"\r\n");
            }
        }
        if !bodiless && (chunked || self.head.length().is_some()) {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        if !bodiless {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }

    /// Turns the entries of a listing round.
    pub(super) fn reverse_listing(&mut self) {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let text = reversed(&text, "Contents");
        self.body = reversed(&text, "CommonPrefixes").into_bytes();
    }
}

/// The elements of this name, which stand side by side, in the opposite order.
fn reversed(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let Some((before, rest)) = text.split_once(&open) else { return text.to_owned() };
    let Some((inside, after)) = rest.rsplit_once(&close) else { return text.to_owned() };
    let joint = format!("{close}{open}");
    let mut entries = inside.split(&joint).collect::<Vec<_>>();
    entries.reverse();
    format!("{before}{open}{}{close}{after}", entries.join(&joint))
}
