//! What stands before each request to a store: a limit of requests at a time, a breaker, and repetition within a deadline.
//!
//! It is done here and not around the operator's calls because only here it is known what was asked, whether it can be asked
//! again, and what the store said: a part of an upload can be sent twice, a conditional write can not.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::opendal::{Buffer, HttpBody, HttpTransport, Result};
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::breaker::{Breaker, Turn};
use super::transport::{Transport, kind_of};
use super::trouble::{Again, Trouble};
use crate::config::storage::Requests;
use crate::storage::opendal::pause_before;
use crate::telemetry::metrics::{StoreRequest, StoreRequests};

/// How fast a store takes what it is sent, at the least.
const SENT_BYTES_PER_SECOND_MIN: u64 = 256 << 10;
/// How much of the last failure is repeated to those who are refused because of it.
const REASON_CHARS_MAX: usize = 300;

/// The way to one store.
pub(super) struct Guard {
    transport: Transport,
    limits: Requests,
    places: Semaphore,
    breaker: Breaker,
    /// What the last failed attempt failed of.
    reason: Mutex<String>,
    requests: StoreRequests,
}

/// One request, which may be sent several times.
struct Errand {
    request: Request<Buffer>,
    kind: StoreRequest,
    again: Again,
    /// What sending it may take beyond the time of an answer.
    sending: Duration,
    deadline: Instant,
}

impl Errand {
    /// Whether an answer says that there is no such upload (any more).
    fn is_gone(&self, status: StatusCode) -> bool {
        self.kind == StoreRequest::CompleteMultipartUpload && status == StatusCode::NOT_FOUND
    }
}

impl Guard {
    pub(super) fn new(transport: Transport, limits: &Requests, requests: StoreRequests) -> Self {
        let places = (limits.concurrent_max as usize).clamp(1, Semaphore::MAX_PERMITS);
        let breaker = Breaker::new(limits.breaker_failures, limits.breaker_pause.get());
        let (limits, places) = (limits.clone(), Semaphore::new(places));
        Self { transport, limits, places, breaker, reason: Mutex::default(), requests }
    }

    fn errand(&self, request: Request<Buffer>) -> Errand {
        let bytes = request.body().len() as u64;
        let (parts, body) = request.into_parts();
        let (kind, sending) = (kind_of(&parts), Duration::from_secs(bytes / SENT_BYTES_PER_SECOND_MIN));
        let again = Again::of(&parts, kind);
        let deadline = Instant::now() + self.limits.deadline.get() + sending;
        Errand { request: Request::from_parts(parts, body), kind, again, sending, deadline }
    }

    async fn run(&self, errand: &Errand) -> Result<Response<HttpBody>> {
        let (mut attempt, mut maybe_done) = (1, false);
        loop {
            let trouble = match self.attempt(errand).await {
                Ok(answer) if maybe_done && errand.is_gone(answer.status()) => {
                    // It may have put the object together at the attempt before; whoever looks again will see.
                    let said = "the store has forgotten an upload whose end it was told of, and did not confirm";
                    return Err(Trouble::later(said.to_owned(), None).into_error(attempt));
                }
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let pause = pause_before(self.limits.pause.get(), self.limits.pause_max.get(), attempt);
            let pause = pause.max(trouble.retry_after.unwrap_or_default());
            let late = Instant::now() + pause >= errand.deadline;
            if late || attempt >= self.limits.attempts_max as usize || !trouble.allows(errand.again) {
                return Err(trouble.into_error(attempt));
            }
            tracing::debug!(kind = errand.kind.name(), attempt, error = trouble.said(), "a store request is repeated");
            maybe_done |= trouble.maybe_done;
            self.requests.repeated(errand.kind);
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, errand: &Errand) -> std::result::Result<Response<HttpBody>, Trouble> {
        let left = errand.deadline.saturating_duration_since(Instant::now());
        let Ok(Ok(_place)) = tokio::time::timeout(left, self.places.acquire()).await else {
            let said = format!("{} requests to the store are under way, no more are sent", self.limits.concurrent_max);
            return Err(Trouble::later(said, None));
        };
        let pass = self.breaker.enter(Instant::now()).map_err(|wait| self.refused(wait))?;
        self.requests.breaker(self.breaker.state());
        let started = Instant::now();
        let outcome = self.within_patience(errand).await;
        self.requests.took(errand.kind, started.elapsed());
        let turn = match &outcome {
            Err(trouble) if trouble.is_the_stores => {
                let reason = trouble.said().chars().take(REASON_CHARS_MAX).collect();
                *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
                pass.failed(Instant::now())
            }
            _ => pass.succeeded(),
        };
        self.note(turn);
        outcome
    }

    /// Why nothing is sent.
    fn refused(&self, wait: Duration) -> Trouble {
        self.requests.refused();
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = format!(
            "nothing is sent to the store for {} s after {} failures in a row, the last of which was: {reason}",
            wait.as_secs().max(1),
            self.limits.breaker_failures,
        );
        Trouble::later(said, Some(wait))
    }

    fn note(&self, turn: Turn) {
        self.requests.breaker(self.breaker.state());
        match turn {
            Turn::None => {}
            Turn::Opened => {
                let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let failures = self.limits.breaker_failures;
                tracing::error!(failures, reason, "the store fails; clients are answered 503 until it comes back");
            }
            Turn::Closed => tracing::info!("the store answers again"),
        }
    }

    async fn within_patience(&self, errand: &Errand) -> std::result::Result<Response<HttpBody>, Trouble> {
        let exchange = self.exchange(errand);
        let left = errand.deadline.saturating_duration_since(Instant::now());
        let patience = match errand.kind.is_work_of_the_store() {
            // Its deadline is when no further attempt is begun. This one has done its work when it has.
            true => self.limits.work_timeout.get(),
            false => (self.limits.answer_timeout.get() + errand.sending).min(left),
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Trouble::silence(patience)),
        }
    }

    /// Sends it once. But for objects, the whole answer is taken, so that one that breaks off is a failed attempt.
    async fn exchange(&self, errand: &Errand) -> std::result::Result<Response<HttpBody>, Trouble> {
        let answer = self.transport.fetch(errand.request.clone()).await.map_err(Trouble::from_error)?;
        let (parts, mut body) = answer.into_parts();
        if errand.kind == StoreRequest::GetObject && parts.status.is_success() {
            return Ok(Response::from_parts(parts, self.watched(body)));
        }
        let body = body.to_buffer().await.map_err(Trouble::from_error)?;
        if let Some(trouble) = Trouble::in_answer(&parts, &body.to_bytes(), errand.kind) {
            return Err(trouble);
        }
        let pieces = Some(body).filter(|body| !body.is_empty()).map(Ok);
        Ok(Response::from_parts(parts, HttpBody::new(stream::iter(pieces), None)))
    }

    /// Counts an object's bytes that break off.
    fn watched(&self, body: HttpBody) -> HttpBody {
        let requests = self.requests.clone();
        body.map_inner(|inner| {
            Box::new(inner.inspect(move |piece| {
                if piece.is_err() {
                    requests.broke_off();
                }
            }))
        })
    }
}

impl HttpTransport for Guard {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        // Requests for credentials go to other hosts, and say nothing about the store. The operator marks its own.
        if request.extensions().is_empty() {
            return self.transport.fetch(request).await;
        }
        self.run(&self.errand(request)).await
    }
}
