//! A small HTTP/1.1 client that sends exactly what it is told to, malformed or not, and shows exactly what came back.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the server may be silent before a test calls it a hang.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a body may go on coming whose end nobody has told.
const BODY_TIME_MAX: Duration = Duration::from_secs(120);

/// A request, written to the wire as it stands here.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// A request's body and how it is framed.
#[derive(Clone, Debug)]
pub enum Body {
    /// None, and no `Content-Length` either.
    Absent,
    /// With `Content-Length`, unless the request has one of its own.
    Whole(Vec<u8>),
    /// In pieces, with `Transfer-Encoding: chunked`.
    Chunked(Vec<Vec<u8>>),
}

impl Request {
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Self { method: method.to_owned(), target: target.into(), headers: Vec::new(), body: Body::Absent }
    }

    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub fn head(target: impl Into<String>) -> Self {
        Self::new("HEAD", target)
    }

    pub fn put(target: impl Into<String>) -> Self {
        Self::new("PUT", target)
    }

    pub fn delete(target: impl Into<String>) -> Self {
        Self::new("DELETE", target)
    }

    /// A POST without a body, which is how most uploads start.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target).body(Vec::new())
    }

    pub fn patch(target: impl Into<String>) -> Self {
        Self::new("PATCH", target)
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn content_type(self, value: &str) -> Self {
        self.header("Content-Type", value)
    }

    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    pub fn chunked(mut self, pieces: Vec<Vec<u8>>) -> Self {
        self.body = Body::Chunked(pieces);
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// The bytes of the request; `host` goes into `Host` unless the request has its own.
    pub fn encode(&self, host: &str) -> Vec<u8> {
        let mut bytes = self.encode_head(host);
        match &self.body {
            Body::Absent => {}
            Body::Whole(body) => bytes.extend_from_slice(body),
            Body::Chunked(pieces) => {
                for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                    bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    bytes.extend_from_slice(piece);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        bytes
    }

    /// The request line and the headers, up to and with the empty line.
    pub fn encode_head(&self, host: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            text += &format!("Host: {host}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        match &self.body {
            Body::Whole(body) if !self.has("content-length") => text += &format!("Content-Length: {}\r\n", body.len()),
            Body::Chunked(_) => text += "Transfer-Encoding: chunked\r\n",
            _ => {}
        }
        text += "\r\n";
        text.into_bytes()
    }
}

/// An answer, as it came.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The header of this name, which must be there, and only once.
    #[track_caller]
    pub fn the(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            _ => panic!("expected exactly one {name} header in {self}"),
        }
    }

    /// Every header of this name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body is not JSON ({error}): {self}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The codes of the error envelope, in order.
    #[track_caller]
    pub fn codes(&self) -> Vec<String> {
        assert_eq!(self.header("content-type"), Some("application/json"), "an error body is JSON: {self}");
        let json = self.json();
        let errors = json["errors"].as_array().unwrap_or_else(|| panic!("no error envelope in {self}"));
        assert!(errors.iter().all(|error| error["message"].is_string()), "an error has a message: {self}");
        errors.iter().map(|error| error["code"].as_str().unwrap_or("").to_owned()).collect()
    }

    /// The answer itself, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected answer: {self}");
        self
    }

    /// The answer itself, if it has this status and an error envelope that starts with this code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.codes().first().map(String::as_str), Some(code), "unexpected code: {answer}");
        answer
    }

    /// Path and query of the `Location` header, whether it is absolute or not.
    #[track_caller]
    pub fn location(&self) -> String {
        path_of(self.the("location"))
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        let shown = &self.body[..self.body.len().min(2000)];
        write!(f, "\n{}", String::from_utf8_lossy(shown))
    }
}

/// Path and query of an absolute or relative URL.
pub fn path_of(url: &str) -> String {
    match url.split_once("://") {
        Some((_, rest)) => format!("/{}", rest.split_once('/').map_or("", |(_, path)| path)),
        None => url.to_owned(),
    }
}

/// `target` with one more query parameter.
pub fn with_query(target: &str, parameter: &str) -> String {
    let joint = if target.contains('?') { '&' } else { '?' };
    format!("{target}{joint}{parameter}")
}

/// Something that bytes go through: TCP, or TLS over it.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A kept-alive connection.
pub struct Connection {
    stream: Box<dyn Stream>,
    host: String,
    /// What was received and not yet consumed.
    received: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::over(Box::new(tcp(address)), &address.to_string())
    }

    pub fn over(stream: Box<dyn Stream>, host: &str) -> Self {
        Self { stream, host: host.to_owned(), received: Vec::new() }
    }

    /// Sends a request and waits for its answer.
    #[track_caller]
    pub fn send(&mut self, request: &Request) -> Response {
        match self.try_send(request) {
            Ok(response) => response,
            Err(error) => panic!("{} {}: {error}", request.method, request.target),
        }
    }

    /// As [`Connection::send`], with the error for tests that expect one.
    pub fn try_send(&mut self, request: &Request) -> io::Result<Response> {
        // A server may answer and close before it has read a body that it refuses, so a failed write is not the end.
        let written = self.stream.write_all(&request.encode(&self.host)).and_then(|()| self.stream.flush());
        self.read_response(request.method == "HEAD").map_err(|error| written.err().unwrap_or(error))
    }

    /// Writes raw bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Reads one answer; `bodiless` when the request was a HEAD.
    pub fn read_response(&mut self, bodiless: bool) -> io::Result<Response> {
        loop {
            let head = self.read_until(b"\r\n\r\n")?;
            let mut response = parse_head(&head)?;
            if response.status == 101 || response.status >= 200 {
                self.read_body(&mut response, bodiless)?;
                return Ok(response);
            }
        }
    }

    /// Reads the interim answer that `Expect: 100-continue` asks for.
    #[track_caller]
    pub fn wait_for_continue(&mut self) {
        assert!(self.is_to_continue(), "no interim answer came");
    }

    /// Whether the server answers `Expect: 100-continue` with the word to go on.
    pub fn is_to_continue(&mut self) -> bool {
        self.read_until(b"\r\n\r\n").is_ok_and(|head| head.starts_with(b"HTTP/1.1 100 "))
    }

    /// Whether the server has closed the connection (waits for it to say something, or to close).
    pub fn is_closed(&mut self) -> bool {
        self.received.is_empty() && !matches!(self.fill(), Ok(n) if n > 0)
    }

    fn read_body(&mut self, response: &mut Response, bodiless: bool) -> io::Result<()> {
        if bodiless || response.status == 204 || response.status == 304 {
            return Ok(());
        }
        let begin = Instant::now();
        let in_time = || match begin.elapsed() < BODY_TIME_MAX {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::TimedOut, "the body does not end")),
        };
        if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                in_time()?;
                let line = self.read_until(b"\r\n")?;
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                let len = usize::from_str_radix(&text, 16).map_err(io::Error::other)?;
                let piece = self.read_exactly(len + 2)?;
                if len == 0 {
                    return Ok(());
                }
                response.body.extend_from_slice(&piece[..len]);
            }
        }
        match response.header("content-length") {
            Some(text) => {
                let len = text.parse().map_err(io::Error::other)?;
                response.body = self.read_exactly(len)?;
            }
            None => {
                while self.fill()? > 0 {
                    in_time()?;
                }
                response.body = std::mem::take(&mut self.received);
            }
        }
        Ok(())
    }

    fn read_until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.received.windows(mark.len()).position(|window| window == mark) {
                return Ok(self.received.drain(..at + mark.len()).collect());
            }
            self.fill_or_fail()?;
        }
    }

    fn read_exactly(&mut self, len: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < len {
            self.fill_or_fail()?;
        }
        Ok(self.received.drain(..len).collect())
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            _ => Ok(()),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(count) => {
                    self.received.extend_from_slice(&buffer[..count]);
                    return Ok(count);
                }
                // A socket with a timeout says so when the machine has stopped this process and lets it go on.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let hangs = format!("the server hangs: no byte within {PATIENCE:?}");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, hangs));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A TCP connection that gives up after [`PATIENCE`].
pub fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.set_nodelay(true).expect("nodelay can be set");
    stream
}

/// The same over a Unix socket.
#[track_caller]
pub fn unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

fn parse_head(head: &[u8]) -> io::Result<Response> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.trim_end().split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| first.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("not a status line: {first:?}")))?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other(format!("not a header: {line:?}")))?;
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<io::Result<Vec<_>>>()?;
    Ok(Response { status, headers, body: Vec::new() })
}
