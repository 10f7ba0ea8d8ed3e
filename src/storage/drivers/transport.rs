//! One request to a store: signed where the service needs it, sent, counted, and logged.

use std::sync::Arc;
use std::time::Instant;

use ::opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport, Result};
use async_trait::async_trait;
use http::header::{CONTENT_RANGE, ETAG, HeaderValue, IF_MATCH, RANGE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use opendal_http_transport_reqwest::ReqwestTransport;

use crate::telemetry::metrics::{StoreOutcome, StoreRequest, StoreRequests};

/// What a store's HTTP client is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ClientOptions<'a> {
    /// Added to the user agent.
    pub(super) useragent: &'a str,
    /// Accepts any certificate.
    pub(super) skipverify: bool,
}

/// An error with its causes, in one line.
pub(super) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Adds to a request what proves who sends it. It may send the request elsewhere, too.
#[async_trait]
pub(super) trait Authorize: Send + Sync + 'static {
    async fn authorize(&self, request: &mut Parts) -> Result<()>;

    /// Whether a request that was answered so should be sent once more, because its proof was out of date.
    async fn again(&self, request: &Parts, status: StatusCode) -> bool {
        let _ = (request, status);
        false
    }

    /// What a status means that only this service knows.
    fn understood(&self, status: StatusCode) -> StatusCode {
        status
    }
}

/// Sends an operator's requests, each once.
pub(super) struct Transport {
    pub(super) inner: ReqwestTransport,
    pub(super) requests: StoreRequests,
    pub(super) authorize: Option<Arc<dyn Authorize>>,
}

impl Transport {
    /// Sends a request, counts and logs it.
    async fn send(&self, kind: StoreRequest, parts: Parts, body: Buffer) -> Result<Response<HttpBody>> {
        let (method, uri, started) = (parts.method.clone(), parts.uri.clone(), Instant::now());
        let answer = self.inner.fetch(Request::from_parts(parts, body)).await;
        let status = answer.as_ref().ok().map(Response::status);
        self.requests.count(kind, outcome(status));
        // Never the query: a signed one is a key.
        let (path, status) = (uri.path(), status.map_or(0, |status| status.as_u16()));
        tracing::debug!(%method, path, status, ms = started.elapsed().as_millis() as u64, "store request");
        answer
    }

    /// The same with what proves who sends it, renewed once if it is out of date.
    async fn authorized(
        &self,
        authorize: &dyn Authorize,
        kind: StoreRequest,
        parts: Parts,
        body: Buffer,
    ) -> Result<Response<HttpBody>> {
        let mut signed = parts.clone();
        authorize.authorize(&mut signed).await?;
        let mut answer = self.send(kind, signed.clone(), body.clone()).await?;
        if authorize.again(&signed, answer.status()).await {
            signed = parts;
            authorize.authorize(&mut signed).await?;
            answer = self.send(kind, signed, body).await?;
        }
        *answer.status_mut() = authorize.understood(answer.status());
        Ok(answer)
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        let (parts, body) = request.into_parts();
        let (kind, asked, tag) = (kind_of(&parts), first_byte(&parts), parts.headers.get(IF_MATCH).cloned());
        let answer = match &self.authorize {
            Some(authorize) => self.authorized(authorize.as_ref(), kind, parts, body).await?,
            None => self.send(kind, parts, body).await?,
        };
        in_range(asked, same_object(tag.as_ref(), answer)?)
    }
}

/// The first byte that a request asks for, if it asks for a range that does not begin at the beginning.
fn first_byte(parts: &Parts) -> Option<u64> {
    let range = parts.headers.get(RANGE).filter(|_| parts.method == Method::GET)?.to_str().ok()?;
    let (first, _) = range.strip_prefix("bytes=")?.split_once('-')?;
    first.parse().ok().filter(|first| *first > 0)
}

/// Refuses an answer with other bytes than those that were asked for: a store, or a proxy before it, that ignores ranges.
fn in_range<T>(asked: Option<u64>, answer: Response<T>) -> Result<Response<T>> {
    let Some(first) = asked.filter(|_| answer.status().is_success()) else { return Ok(answer) };
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let begins = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse::<u64>().ok());
    if begins == Some(first) {
        return Ok(answer);
    }
    let range = range.unwrap_or("none");
    let text =
        format!("asked for bytes from {first} on, the store answered with {} and the range {range}", answer.status());
    Err(Error::new(ErrorKind::Unexpected, text))
}

/// Refuses the bytes of another object than the one that was asked for by its tag: a store that ignores conditions.
fn same_object<T>(asked: Option<&HeaderValue>, answer: Response<T>) -> Result<Response<T>> {
    match (asked, answer.headers().get(ETAG)) {
        (Some(asked), Some(tag)) if answer.status().is_success() && asked != tag => {
            Err(Error::new(ErrorKind::ConditionNotMatch, "the object was replaced while it was read"))
        }
        _ => Ok(answer),
    }
}

fn outcome(status: Option<StatusCode>) -> StoreOutcome {
    match status.map(|status| status.as_u16()) {
        None => StoreOutcome::Failed,
        Some(429 | 503) => StoreOutcome::Throttled,
        Some(404 | 409 | 412 | 416 | 100..400) => StoreOutcome::Answered,
        Some(_) => StoreOutcome::Refused,
    }
}

/// What a request asks, by the forms of S3 and OSS, and as far as they can be told, of the others.
pub(super) fn kind_of(parts: &Parts) -> StoreRequest {
    use StoreRequest as Kind;
    let query = parts.uri.query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair.split_once('=').map_or(pair, |(key, _)| key) == name);
    let value_is = |pair: &str| query.split('&').any(|found| found == pair);
    let copies = ["x-amz-copy-source", "x-oss-copy-source", "x-ms-copy-source", "x-copy-from"];
    let copies = copies.iter().any(|name| parts.headers.contains_key(*name));
    let (upload, path) = (has("uploadId"), parts.uri.path());
    match parts.method {
        Method::HEAD => Kind::HeadObject,
        Method::PUT if upload && copies => Kind::UploadPartCopy,
        Method::PUT if upload || value_is("comp=block") => Kind::UploadPart,
        Method::PUT if value_is("comp=blocklist") || value_is("multipart-manifest=put") => {
            Kind::CompleteMultipartUpload
        }
        Method::PUT if path.contains("/.segments/") => Kind::UploadPart,
        Method::PUT if copies => Kind::CopyObject,
        Method::PUT => Kind::PutObject,
        Method::POST if has("uploads") => Kind::CreateMultipartUpload,
        Method::POST if upload => Kind::CompleteMultipartUpload,
        Method::POST
            if has("delete") || has("bulk-delete") || value_is("comp=batch") || path.starts_with("/batch/") =>
        {
            Kind::DeleteObjects
        }
        Method::POST if path.contains("/rewriteTo/") || path.ends_with("/compose") => Kind::CopyObject,
        Method::POST if path.starts_with("/upload/") => Kind::PutObject,
        Method::DELETE if upload => Kind::AbortMultipartUpload,
        Method::DELETE => Kind::DeleteObject,
        Method::GET if upload || has("list-type") || value_is("comp=list") || has("prefix") => Kind::ListObjects,
        Method::GET => Kind::GetObject,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_ignores_ranges_is_refused() {
        let answer = |status: u16, range: Option<&str>| {
            let answer = Response::builder().status(status);
            let answer = range.map_or(Response::builder().status(status), |range| answer.header(CONTENT_RANGE, range));
            in_range(Some(5), answer.body(()).unwrap()).is_ok()
        };
        assert!(answer(206, Some("bytes 5-9/10")));
        assert!(answer(404, None));
        assert!(!answer(200, None));
        assert!(!answer(206, Some("bytes 0-9/10")));
        let asked = |range| first_byte(&Request::get("/k").header(RANGE, range).body(()).unwrap().into_parts().0);
        assert_eq!((asked("bytes=5-9"), asked("bytes=0-9")), (Some(5), None));
    }

    #[test]
    fn a_store_that_ignores_conditions_is_refused() {
        let asked = HeaderValue::from_static("\"one\"");
        let answer = |status: u16, tag: &str| Response::builder().status(status).header(ETAG, tag).body(()).unwrap();
        assert!(same_object(Some(&asked), answer(206, "\"one\"")).is_ok());
        assert!(same_object(Some(&asked), answer(412, "\"two\"")).is_ok());
        assert!(same_object(None, answer(200, "\"two\"")).is_ok());
        assert!(same_object(Some(&asked), answer(206, "\"two\"")).is_err());
    }

    #[test]
    fn requests_are_told_apart() {
        use StoreRequest as Kind;
        for (method, uri, header, kind) in [
            ("GET", "/bucket/key", "", Kind::GetObject),
            ("GET", "/bucket?list-type=2&prefix=a", "", Kind::ListObjects),
            ("PUT", "/bucket/key", "", Kind::PutObject),
            ("PUT", "/bucket/key", "x-amz-copy-source", Kind::CopyObject),
            ("PUT", "/bucket/key?partNumber=1&uploadId=x", "", Kind::UploadPart),
            ("PUT", "/bucket/key?partNumber=1&uploadId=x", "x-amz-copy-source", Kind::UploadPartCopy),
            ("POST", "/bucket/key?uploads", "", Kind::CreateMultipartUpload),
            ("POST", "/bucket/key?uploadId=x", "", Kind::CompleteMultipartUpload),
            ("POST", "/bucket?delete", "", Kind::DeleteObjects),
            ("DELETE", "/bucket/key?uploadId=x", "", Kind::AbortMultipartUpload),
            ("DELETE", "/bucket/key", "", Kind::DeleteObject),
            ("HEAD", "/bucket/key", "", Kind::HeadObject),
            ("PUT", "/c/key?comp=block&blockid=a", "", Kind::UploadPart),
        ] {
            let request = Request::builder().method(method).uri(uri);
            let request = if header.is_empty() { request } else { request.header(header, "x") };
            assert_eq!(kind_of(&request.body(()).unwrap().into_parts().0), kind, "{method} {uri} {header}");
        }
    }
}
