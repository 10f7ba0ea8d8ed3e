//! One request and what became of it, told to the logs and the metrics when it is over.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};

use crate::http::{Outcome, RequestInfo};
use crate::telemetry::metrics::{Counted, Handler, HttpMetrics};
use crate::telemetry::{AccessLine, AccessLog, in_request, redacted};

/// What the access log says when the client was gone before the answer was out; nginx's number.
const CLIENT_GONE: u16 = 499;

/// To whom exchanges are told.
pub struct Recorder {
    /// The access log, unless it is turned off.
    pub access: Option<AccessLog>,
    /// The counters.
    pub metrics: HttpMetrics,
}

/// A request under way. Whatever way it ends, it ends by being dropped, and is then told of: no exit is forgotten.
pub(super) struct Exchange {
    recorder: Arc<Recorder>,
    info: RequestInfo,
    handler: Handler,
    started: Instant,
    method: Method,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    request_bytes: u64,
    status: u16,
    response_type: Option<HeaderValue>,
    response_bytes: u64,
    /// Size of the answer's body, where it is known before.
    announced: Option<u64>,
    complete: bool,
    /// Why the answer broke off, when that was not the client's doing.
    failure: Option<String>,
    outcome: Option<Outcome>,
}

impl Exchange {
    /// Begins. Copies of header values share their memory with the request.
    pub(super) fn begin(recorder: &Arc<Recorder>, info: RequestInfo, request: &Request<Body>) -> Self {
        let headers = request.headers();
        let get = |name: HeaderName| headers.get(name).cloned();
        let handler = Handler::of(request.uri().path());
        recorder.metrics.begin(handler);
        Self {
            recorder: Arc::clone(recorder),
            info,
            handler,
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            host: get(HOST),
            referer: get(REFERER),
            user_agent: get(USER_AGENT),
            content_type: get(CONTENT_TYPE),
            request_bytes: content_length(headers).unwrap_or(0),
            status: CLIENT_GONE,
            response_type: None,
            response_bytes: 0,
            announced: None,
            complete: false,
            failure: None,
            outcome: None,
        }
    }

    /// The answer's head is there.
    pub(super) fn answered<B: http_body::Body>(&mut self, response: &mut Response<B>) {
        self.outcome = response.extensions_mut().remove();
        self.status = response.status().as_u16();
        self.response_type = response.headers().get(CONTENT_TYPE).cloned();
        let bodyless = self.method == Method::HEAD || matches!(self.status, 204 | 304);
        self.complete = bodyless || response.body().is_end_stream();
        self.announced = content_length(response.headers()).or_else(|| response.body().size_hint().exact());
    }

    /// A piece of the answer's body has been handed over. After the last byte that was announced nobody asks for more.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.response_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        self.complete |= self.announced.is_some_and(|announced| self.response_bytes >= announced);
    }

    /// All of it has.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    /// The answer cannot be continued.
    pub(super) fn failed(&mut self, error: &impl std::fmt::Display) {
        self.failure = Some(error.to_string());
    }

    pub(super) fn info(&self) -> RequestInfo {
        self.info
    }

    fn log(&self) {
        let failed = self.status >= 400 || self.failure.is_some();
        let message = if failed { "response completed with error" } else { "response completed" };
        let target = self.uri.path_and_query().map_or("*", |target| target.as_str());
        let host = text(&self.host).or_else(|| self.uri.host().map(Into::into));
        let (referer, user_agent) = (text(&self.referer), text(&self.user_agent));
        let (request_type, response_type) = (text(&self.content_type), text(&self.response_type));
        let outcome = self.outcome.as_ref();
        let repository = outcome.map(|outcome| &*outcome.repository).filter(|name| !name.is_empty());
        let user = outcome.map(|outcome| &*outcome.user).filter(|name| !name.is_empty());
        // "manifest unknown": the code in the words that operators know from `distribution`.
        let code = outcome.and_then(|outcome| outcome.code);
        let code = code.map(|code| code.as_str().to_ascii_lowercase().replace('_', " "));
        let reason = self.failure.as_deref().or_else(|| outcome.and_then(|outcome| outcome.reason.as_deref()));
        macro_rules! record {
            ($level:ident) => {
                tracing::$level!(
                    http.request.method = self.method.as_str(),
                    http.request.uri = &*redacted(target),
                    http.request.host = host.as_deref(),
                    http.request.remoteaddr = self.info.peer.map(tracing::field::display),
                    http.request.referer = referer.as_deref(),
                    http.request.useragent = user_agent.as_deref(),
                    http.request.contenttype = request_type.as_deref(),
                    http.response.status = self.status,
                    http.response.written = self.response_bytes,
                    http.response.contenttype = response_type.as_deref(),
                    http.response.duration = ?self.started.elapsed(),
                    vars.name = repository,
                    auth.user.name = user,
                    err.code = code,
                    err.detail = reason,
                    "{message}"
                )
            };
        }
        // A client's mistakes, and the 401 and 404 that belong to every push, are no errors of the server.
        if self.status >= 500 || self.failure.is_some() { record!(error) } else { record!(info) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.complete && self.failure.is_none() {
            self.status = CLIENT_GONE;
        }
        let (method, status) = (&self.method, self.status);
        let (duration, request_bytes) = (self.started.elapsed(), self.request_bytes);
        let counted = Counted { method, status, duration, request_bytes, response_bytes: self.response_bytes };
        self.recorder.metrics.finish(self.handler, counted);
        if let Some(access) = &self.recorder.access {
            access.write(&AccessLine {
                peer: self.info.peer.map(|peer| peer.ip()),
                method,
                uri: &self.uri,
                version: self.version,
                status,
                bytes: self.response_bytes,
                referer: self.referer.as_ref(),
                user_agent: self.user_agent.as_ref(),
            });
        }
        if status >= 500 || self.failure.is_some() || tracing::enabled!(tracing::Level::INFO) {
            in_request(self.info.id, || self.log());
        }
    }
}

/// A header's value as far as it is text.
fn text(value: &Option<HeaderValue>) -> Option<Cow<'_, str>> {
    value.as_ref().map(|value| String::from_utf8_lossy(value.as_bytes()))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
