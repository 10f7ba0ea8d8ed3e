//! HTTP over `wasi:http`, as blocking calls: a plugin has one thread, and the host waits for it without one.

use crate::time::Deadline;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    Scheme,
};
use crate::wasi::io::streams::{InputStream, OutputStream, StreamError};
use std::fmt;

/// An address, cut into what `wasi:http` wants to have apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether it is `https`.
    pub secure: bool,
    /// Host and port.
    pub authority: String,
    /// The path with the query; begins with a slash.
    pub path: String,
}

impl Url {
    /// Reads `http://host:port/path?query`.
    ///
    /// # Errors
    /// When it is something else; the text says what it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address such as https://host:port/path");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(cut);
        if authority.is_empty()
            || authority.contains('@')
            || rest.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(wrong());
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, authority: authority.to_owned(), path })
    }

    /// The same place with another path (and query).
    #[must_use]
    pub fn with_path(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "https" } else { "http" }, self.authority, self.path)
    }
}

/// Why there is no answer. The other side said nothing that could be called one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The host does not let us: a grant is missing.
    Denied(String),
    /// The network, the name, TLS or the protocol failed; another try may do better.
    Failed(String),
    /// The answer is longer than its reader allows.
    TooLarge,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) => write!(f, "the host refused the request: {reason}"),
            Self::Failed(reason) => f.write_str(reason),
            Self::TooLarge => f.write_str("the answer is too large"),
        }
    }
}

/// A request before it is sent.
pub struct Request {
    method: Method,
    url: Url,
    headers: Vec<(String, Vec<u8>)>,
    timeout_ms: Option<u64>,
}

impl Request {
    /// A request by its method's name.
    pub fn new(method: &str, url: &Url) -> Self {
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            other => Method::Other(other.to_owned()),
        };
        Self { method, url: url.clone(), headers: Vec::new(), timeout_ms: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// At most so long from the end of the request to the head of the answer.
    #[must_use]
    pub fn timeout_ms(mut self, milliseconds: u64) -> Self {
        self.timeout_ms = Some(milliseconds);
        self
    }

    /// Sends it with this body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(self, body: &[u8]) -> Result<Response, Error> {
        let bodiless = body.is_empty() && matches!(self.method, Method::Get | Method::Head);
        let request = if bodiless { self } else { self.header("content-length", body.len().to_string()) };
        let mut upload = request.start()?;
        // The host may close the body because it refuses the request; then the answer says why.
        let _ = upload.write(body);
        upload.finish()
    }

    /// Begins to send it; the body follows piece by piece.
    ///
    /// # Errors
    /// When the host refuses it.
    pub fn start(self) -> Result<Upload, Error> {
        let malformed = |what: &str| Error::Failed(format!("the request has a malformed {what}"));
        let headers = Fields::from_list(&self.headers).map_err(|_| malformed("header"))?;
        let request = OutgoingRequest::new(headers);
        request.set_method(&self.method).map_err(|()| malformed("method"))?;
        let scheme = if self.url.secure { Scheme::Https } else { Scheme::Http };
        request.set_scheme(Some(&scheme)).map_err(|()| malformed("scheme"))?;
        request.set_authority(Some(&self.url.authority)).map_err(|()| malformed("host"))?;
        request.set_path_with_query(Some(&self.url.path)).map_err(|()| malformed("path"))?;
        let body = request.body().map_err(|()| malformed("body"))?;
        let stream = body.write().map_err(|()| malformed("body"))?;
        let answer = outgoing_handler::handle(request, None).map_err(|code| told(&code))?;
        Ok(Upload { stream, body, answer, timeout_ms: self.timeout_ms })
    }
}

/// A request whose body is being sent. Dropped, the request is cut short.
pub struct Upload {
    stream: OutputStream,
    body: OutgoingBody,
    answer: FutureIncomingResponse,
    // Not given to the host as `request-options`: wasmtime 48 never frees those, so an instance that sends a thousand requests with
    // them is ended for holding too many resources.
    timeout_ms: Option<u64>,
}

impl Upload {
    /// Sends a piece, waiting until the connection takes it.
    ///
    /// # Errors
    /// When the connection takes no more. [`Upload::finish`] may still have the reason.
    pub fn write(&mut self, mut piece: &[u8]) -> Result<(), Error> {
        while !piece.is_empty() {
            let room = self.stream.check_write().map_err(|error| broken(&error))?;
            if room == 0 {
                self.stream.subscribe().block();
                continue;
            }
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(piece.len());
            let (now, later) = piece.split_at(room);
            self.stream.write(now).map_err(|error| broken(&error))?;
            piece = later;
        }
        Ok(())
    }

    /// Ends the body and waits for the answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn finish(self) -> Result<Response, Error> {
        let Self { stream, body, answer, timeout_ms } = self;
        drop(stream);
        let ended = OutgoingBody::finish(body, None);
        match timeout_ms {
            Some(timeout_ms) if !Deadline::after_ms(timeout_ms).wait_for(&answer.subscribe()) => {
                return Err(Error::Failed(format!("there was no answer within {timeout_ms} ms")));
            }
            Some(_) => {}
            None => answer.subscribe().block(),
        }
        let received = answer.get().and_then(Result::ok);
        let response = match (received, ended) {
            (Some(Ok(response)), _) => response,
            (Some(Err(code)), _) | (None, Err(code)) => return Err(told(&code)),
            (None, Ok(())) => return Err(Error::Failed("the host gave no answer".to_owned())),
        };
        Response::new(response)
    }
}

/// An answer, its body not yet read.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    // Dropped in this order: a stream must go before its body, a body before its response.
    stream: Option<InputStream>,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Response {
    fn new(response: IncomingResponse) -> Result<Self, Error> {
        let lost = |()| Error::Failed("the answer has no body".to_owned());
        let headers = response.headers().entries();
        let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let body = response.consume().map_err(lost)?;
        let stream = body.stream().map_err(lost)?;
        Ok(Self { status: response.status(), headers, stream: Some(stream), _body: body, _response: response })
    }

    /// Whether the status is of the 200s.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The next bytes of the body, at most so many; empty at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn read(&mut self, bytes_max: u64) -> Result<Vec<u8>, Error> {
        let Some(stream) = &self.stream else { return Ok(Vec::new()) };
        loop {
            match stream.blocking_read(bytes_max.max(1)) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(bytes),
                Err(StreamError::Closed) => return Ok(Vec::new()),
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// The body as a stream, for someone else to read; nothing is left to read here then. The stream must be dropped before this.
    pub fn take_stream(&mut self) -> Option<InputStream> {
        self.stream.take()
    }

    /// The whole body.
    ///
    /// # Errors
    /// When it is larger than `bytes_max`, or the connection breaks.
    pub fn body(&mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        loop {
            let piece = self.read(64 * 1024)?;
            if piece.is_empty() {
                return Ok(whole);
            }
            if whole.len() + piece.len() > bytes_max {
                return Err(Error::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
    }
}

fn told(code: &ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied(format!("{code:?}")),
        other => Error::Failed(format!("{other:?}")),
    }
}

fn broken(error: &StreamError) -> Error {
    Error::Failed(match error {
        StreamError::Closed => "the connection was closed".to_owned(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut_at_the_path() {
        let cases = [
            ("http://h", "http://h/"),
            ("https://h:8443/a/b?c=d#e", "https://h:8443/a/b?c=d"),
            ("HTTP://[::1]:80?x", "http://[::1]:80/?x"),
        ];
        for (text, expected) in cases {
            assert_eq!(Url::parse(text).map(|url| url.to_string()).as_deref(), Ok(expected));
        }
        for wrong in ["", "h", "ftp://h/", "http://", "http:///a", "http://u:p@h/", "http://h/a b", "http://h/\r\nx"] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }
}
