//! What a store's failures mean: whether they pass, and whether what was asked may be asked again.

use std::time::Duration;

use ::opendal::{Error, ErrorKind};
use http::header::RETRY_AFTER;
use http::{Method, request, response};

use super::transport::reasons;
use crate::storage::opendal::TryLater;
use crate::telemetry::metrics::StoreRequest;

/// Codes of failures that pass, which come with another status than theirs, or within a success.
const PASSING_CODES: [&str; 5] =
    ["InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "TooManyRequests"];
/// Words of a store that is full, which come with 500 from those that keep files.
const FULL: [&str; 4] = ["no space left", "quota exceeded", "StorageFull", "InsufficientStorage"];
/// How much of an answer is looked at.
const LOOKED_AT_BYTES_MAX: usize = 8 * 1024;
/// Headers that make a write depend on what is there.
const CONDITIONS: [&str; 3] = ["if-none-match", "x-oss-forbid-overwrite", "x-goog-if-generation-match"];
/// The same in queries, and marks of writes at an offset.
const CONDITIONS_IN_QUERY: [&str; 4] = ["ifGenerationMatch=", "comp=appendblock", "append&", "upload_id="];

/// Whether a request may be sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Done twice, it has the effect of once.
    Always,
    /// Only when it is certain that it was not done.
    IfUndone,
}

impl Again {
    pub(super) fn of(parts: &request::Parts, kind: StoreRequest) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let conditional = CONDITIONS.iter().any(|name| parts.headers.contains_key(*name))
            || CONDITIONS_IN_QUERY.iter().any(|part| query.contains(part));
        match parts.method {
            Method::GET | Method::HEAD | Method::DELETE => Self::Always,
            _ if conditional || kind == StoreRequest::Other => Self::IfUndone,
            _ => Self::Always,
        }
    }
}

/// What is to be done about a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prospect {
    /// The same request may succeed in a moment.
    Passes,
    /// It may succeed later, but there is no sense in waiting for that here.
    Later,
    /// It will not succeed.
    Lasts,
}

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: Error,
    /// When the store wants to be asked again, if it said.
    pub(super) retry_after: Option<Duration>,
    /// The store is not well, rather than the request wrong.
    pub(super) is_the_stores: bool,
    /// The store may have done what it was asked, and only its answer was lost.
    pub(super) maybe_done: bool,
    prospect: Prospect,
}

impl Trouble {
    /// No answer came, or one that broke off.
    pub(super) fn from_error(error: Error) -> Self {
        let prospect = if error.is_temporary() { Prospect::Passes } else { Prospect::Lasts };
        let is_the_stores = error.is_temporary();
        let maybe_done = !is_of_connecting(&error);
        Self { error, retry_after: None, is_the_stores, maybe_done, prospect }
    }

    /// No answer came in time.
    pub(super) fn silence(patience: Duration) -> Self {
        let said = format!("no answer after {} s", patience.as_secs_f32());
        Self::from_error(Error::new(ErrorKind::Unexpected, said).set_temporary())
    }

    /// Nothing more is tried now, for a reason of this server's.
    pub(super) fn later(said: String, retry_after: Option<Duration>) -> Self {
        let error = Error::new(ErrorKind::RateLimited, said);
        Self { error, retry_after, is_the_stores: false, maybe_done: false, prospect: Prospect::Later }
    }

    /// What is wrong with an answer, if it is nothing that the operator knows how to take.
    pub(super) fn in_answer(parts: &response::Parts, body: &[u8], kind: StoreRequest) -> Option<Self> {
        let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT_BYTES_MAX)]);
        let status = parts.status.as_u16();
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
        let passing_code = code.is_some_and(|code| PASSING_CODES.contains(&code));
        let passing_status = matches!(status, 408 | 429 | 500 | 502 | 503 | 504);
        let is_full = FULL.iter().any(|words| text.contains(words));
        // The store had begun to answer when the work that it was asked for failed.
        let within_success = parts.status.is_success() && kind.is_work_of_the_store() && text.contains("<Error>");
        let passes = (passing_status || passing_code) && !is_full;
        if !within_success && (parts.status.is_success() || !passes) {
            return None;
        }
        let throttled = matches!(status, 429 | 503);
        let said = format!("the store answered with status: {status} {}", text.trim());
        let said = said.trim_end().to_owned();
        let error = Error::new(if throttled { ErrorKind::RateLimited } else { ErrorKind::Unexpected }, said);
        let prospect = if passes { Prospect::Passes } else { Prospect::Lasts };
        let retry_after = retry_after(parts);
        Some(Self { error, retry_after, is_the_stores: passing_status, maybe_done: !throttled, prospect })
    }

    /// What went wrong, in one line.
    pub(super) fn said(&self) -> String {
        let message = self.error.message();
        match std::error::Error::source(&self.error) {
            Some(cause) => format!("{message}: {}", reasons(cause)),
            None => message.to_owned(),
        }
    }

    /// Whether the request may be sent once more.
    pub(super) fn allows(&self, again: Again) -> bool {
        self.prospect == Prospect::Passes && (again == Again::Always || !self.maybe_done)
    }

    /// What whoever asked is told.
    pub(super) fn into_error(self, attempts: usize) -> Error {
        if self.prospect == Prospect::Lasts {
            return self.error;
        }
        let said = match attempts {
            1 => "given up".to_owned(),
            _ => format!("given up after {attempts} attempts"),
        };
        let (kind, after) = (self.error.kind(), self.retry_after);
        Error::new(kind, said).set_persistent().set_source(TryLater { after, cause: self.error })
    }
}

/// Whether the connection could not even be made.
fn is_of_connecting(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<reqwest::Error>());
    source.is_some_and(reqwest::Error::is_connect)
}

/// When to ask again, in seconds; the form with a date is rare among stores.
fn retry_after(parts: &response::Parts) -> Option<Duration> {
    let seconds = parts.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};

    use super::*;

    fn trouble(status: u16, body: &str, kind: StoreRequest) -> Option<Trouble> {
        let (parts, ()) = Response::builder().status(status).header(RETRY_AFTER, "7").body(()).unwrap().into_parts();
        Trouble::in_answer(&parts, body.as_bytes(), kind)
    }

    fn again(method: &str, uri: &str, header: &str) -> Again {
        let request = Request::builder().method(method).uri(uri);
        let request = if header.is_empty() { request } else { request.header(header, "*") };
        Again::of(&request.body(()).unwrap().into_parts().0, StoreRequest::PutObject)
    }

    #[test]
    fn what_passes_is_told_from_what_lasts() {
        let put = StoreRequest::PutObject;
        for (status, body, passes) in [
            (503, "<Error><Code>SlowDown</Code></Error>", true),
            (429, "", true),
            (500, "<Error><Code>InternalError</Code></Error>", true),
            (502, "<html>", true),
            (400, "<Error><Code>RequestTimeout</Code></Error>", true),
            (500, "<Error><Code>InternalError</Code><Message>no space left on device</Message></Error>", false),
            (400, "<Error><Code>ExpiredToken</Code></Error>", false),
            (403, "<Error><Code>AccessDenied</Code></Error>", false),
            (404, "", false),
            (412, "", false),
            (501, "", false),
            (200, "an object that holds <Error> and <Code>SlowDown</Code>", false),
        ] {
            let found = trouble(status, body, put);
            assert_eq!(found.is_some(), passes, "{status} {body}");
            assert!(found.is_none_or(|found| found.allows(Again::Always) && found.retry_after.is_some()), "{status}");
        }
    }

    #[test]
    fn an_error_within_a_success_is_seen() {
        let kind = StoreRequest::CompleteMultipartUpload;
        let passing = trouble(200, "<Error><Code>InternalError</Code></Error>", kind).unwrap();
        assert!(passing.allows(Again::Always) && passing.maybe_done && !passing.allows(Again::IfUndone));
        let lasting = trouble(200, "<Error><Code>AccessDenied</Code></Error>", kind).unwrap();
        assert!(!lasting.allows(Again::Always));
        assert!(trouble(200, "<CompleteMultipartUploadResult/>", kind).is_none());
    }

    #[test]
    fn a_conditional_write_is_repeated_only_when_it_was_surely_not_done() {
        assert_eq!(again("PUT", "/b/k", ""), Again::Always);
        assert_eq!(again("PUT", "/b/k?partNumber=1&uploadId=x", ""), Again::Always);
        assert_eq!(again("PUT", "/b/k", "if-none-match"), Again::IfUndone);
        assert_eq!(again("PUT", "/b/k", "x-oss-forbid-overwrite"), Again::IfUndone);
        assert_eq!(again("GET", "/b/k", "if-none-match"), Again::Always);
        assert_eq!(again("PUT", "/upload/b?upload_id=x", ""), Again::IfUndone);
        let throttled = trouble(503, "", StoreRequest::PutObject).unwrap();
        assert!(throttled.allows(Again::IfUndone));
        let failed = trouble(500, "", StoreRequest::PutObject).unwrap();
        assert!(failed.allows(Again::Always) && !failed.allows(Again::IfUndone));
    }
}
