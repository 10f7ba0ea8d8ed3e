//! The access log: one line per request in Apache's combined format.

use std::io::Write as _;
use std::net::IpAddr;

use http::{HeaderValue, Method, Uri, Version};
use jiff::Timestamp;

use super::sink::Sink;
use super::{clock, redact};

/// What one line tells.
#[derive(Debug)]
pub struct AccessLine<'a> {
    /// The TCP peer; a unix socket's is `-`.
    pub peer: Option<IpAddr>,
    /// The request's method.
    pub method: &'a Method,
    /// The request's target.
    pub uri: &'a Uri,
    /// The request's protocol.
    pub version: Version,
    /// The answer's status; 499 when the client went away before its end.
    pub status: u16,
    /// How many bytes of the answer's body were sent.
    pub bytes: u64,
    /// The request's `Referer`.
    pub referer: Option<&'a HeaderValue>,
    /// The request's `User-Agent`.
    pub user_agent: Option<&'a HeaderValue>,
}

thread_local! {
    /// Lines are put together here, so that one costs no allocation.
    static LINE: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Writes access lines.
#[derive(Clone)]
pub struct AccessLog(Sink);

impl AccessLog {
    /// Writes to `sink`.
    pub fn new(sink: Sink) -> Self {
        Self(sink)
    }

    /// Writes a line.
    pub fn write(&self, line: &AccessLine<'_>) {
        LINE.with_borrow_mut(|buffer| {
            buffer.clear();
            line.format(Timestamp::now(), buffer);
            self.0.line(buffer);
        });
    }
}

impl AccessLine<'_> {
    fn format(&self, now: Timestamp, out: &mut Vec<u8>) {
        // Writing to a `Vec` cannot fail.
        match self.peer {
            Some(peer) => drop(write!(out, "{peer}")),
            None => out.push(b'-'),
        }
        out.extend_from_slice(b" - - [");
        clock::common(now, out);
        out.extend_from_slice(b"] \"");
        quoted(self.method.as_str().as_bytes(), out);
        out.push(b' ');
        // The target as it stood in the request line: HTTP/2 puts scheme and host in front, which the log leaves out.
        let target = self.uri.path_and_query().map_or("*", |target| target.as_str());
        redact::target(target, |part| quoted(part.as_bytes(), out));
        out.extend_from_slice(match self.version {
            Version::HTTP_10 => b" HTTP/1.0",
            Version::HTTP_2 => b" HTTP/2.0",
            _ => b" HTTP/1.1",
        });
        drop(write!(out, "\" {} {} \"", self.status, self.bytes));
        quoted(self.referer.map_or(b"", HeaderValue::as_bytes), out);
        out.extend_from_slice(b"\" \"");
        quoted(self.user_agent.map_or(b"", HeaderValue::as_bytes), out);
        out.extend_from_slice(b"\"\n");
    }
}

/// Adds client-chosen bytes in such a way that they cannot end the quotes or the line.
fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    let harmless = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'"' && *byte != b'\\';
    if bytes.iter().all(harmless) {
        return out.extend_from_slice(bytes);
    }
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            byte if harmless(byte) => out.push(*byte),
            byte => drop(write!(out, "\\x{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_apache_combined_and_holds_no_secret_and_no_forged_line() {
        let agent = HeaderValue::from_bytes(b"curl \"\xff\t\\").unwrap();
        let line = AccessLine {
            peer: Some([127, 0, 0, 1].into()),
            method: &Method::PATCH,
            uri: &Uri::from_static("/v2/a/blobs/uploads/1?_state=secret"),
            version: Version::HTTP_11,
            status: 202,
            bytes: 17,
            referer: None,
            user_agent: Some(&agent),
        };
        let mut out = Vec::new();
        line.format("2026-01-02T03:04:05Z".parse().unwrap(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let (peer, rest) = text.split_once(" - - [").unwrap();
        let (_, rest) = rest.split_once("] ").unwrap();
        assert_eq!(peer, "127.0.0.1");
        assert_eq!(
            rest,
            "\"PATCH /v2/a/blobs/uploads/1?_state=*** HTTP/1.1\" 202 17 \"\" \"curl \\\"\\xff\\x09\\\\\"\n"
        );
    }
}
