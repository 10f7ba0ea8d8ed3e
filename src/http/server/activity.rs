//! What a connection is doing, and since when: enough to tell a slow client from a stuck or a hostile one.
//!
//! One timer per connection looks at this record when it fires, and sleeps on when there was activity meanwhile. A request
//! therefore costs a clock reading and a few stores, not a timer of its own.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::config::limits::Limits;

/// What happens on one connection. Times are milliseconds since the connection was accepted, plus one; 0 is "not so".
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    /// Requests whose response has not yet been handed over completely.
    requests: AtomicU32,
    /// Since when bytes of a request head are there without it being complete.
    head_since: AtomicU64,
    /// Since when there has been no request.
    idle_since: AtomicU64,
    /// Since when the client takes no more bytes.
    write_blocked_since: AtomicU64,
    /// Whether a request has been read on this connection.
    requests_seen: AtomicU32,
    /// Whether a request was answered before all of its body had come.
    body_left_unread: AtomicBool,
}

/// What to do with a connection now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Look again after so long.
    Wait(Duration),
    /// Nothing is under way, for long enough: say goodbye.
    Idle,
    /// The client holds something up: hang up.
    Stuck(&'static str),
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            accepted: Instant::now(),
            requests: AtomicU32::new(0),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(1),
            write_blocked_since: AtomicU64::new(0),
            requests_seen: AtomicU32::new(0),
            body_left_unread: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// A request head has been read. The request lasts until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Relaxed);
        self.requests_seen.store(1, Relaxed);
        self.head_since.store(0, Relaxed);
        RequestGuard(Arc::clone(self))
    }

    /// A request has been answered without all of its body having been read, so this connection ends after the answer.
    pub(super) fn body_left_unread(&self) {
        self.body_left_unread.store(true, Relaxed);
    }

    fn bytes_read(&self) {
        if self.requests.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    fn written(&self, blocked: bool) {
        if blocked {
            if self.write_blocked_since.load(Relaxed) == 0 {
                self.write_blocked_since.store(self.now(), Relaxed);
            }
        } else if self.write_blocked_since.load(Relaxed) != 0 {
            self.write_blocked_since.store(0, Relaxed);
        }
    }

    /// Judges. On HTTP/2 frames come in without a request (pings, settings), so there only idleness counts.
    pub(super) fn verdict(&self, limits: &Limits, http2: bool) -> Verdict {
        let now = self.now();
        let left =
            |since: u64, allowed: Duration| allowed.checked_sub(Duration::from_millis(now.saturating_sub(since)));
        let blocked = self.write_blocked_since.load(Relaxed);
        if blocked != 0 {
            return left(blocked, limits.response_idle_timeout.get())
                .map_or(Verdict::Stuck("it takes no more bytes"), Verdict::Wait);
        }
        if self.requests.load(Relaxed) > 0 {
            return Verdict::Wait(limits.response_idle_timeout.get().min(limits.request_header_timeout.get()));
        }
        let head = self.head_since.load(Relaxed);
        if head != 0 && !http2 {
            return left(head, limits.request_header_timeout.get())
                .map_or(Verdict::Stuck("its headers took too long"), Verdict::Wait);
        }
        let first = self.requests_seen.load(Relaxed) == 0;
        let allowed = if first { limits.request_header_timeout } else { limits.idle_timeout };
        left(self.idle_since.load(Relaxed), allowed.get()).map_or(Verdict::Idle, Verdict::Wait)
    }
}

/// Held as long as a request is under way, its response body included.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<Activity>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Relaxed);
        self.0.requests.fetch_sub(1, Relaxed);
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Noted<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Once our side is closed: how long to wait for the client to close its own.
    linger: Option<Pin<Box<Sleep>>>,
}

/// A client that is still sending a body which nobody wants gets so long to read the answer and stop. Closing at once would
/// make its kernel throw the answer away.
const LINGER: Duration = Duration::from_secs(5);

impl<S: AsyncRead + Unpin> Noted<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, linger: None }
    }

    /// Reads and throws away, until the client closes or has had long enough.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if patience.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut scrap = [MaybeUninit::uninit(); 8192];
        loop {
            let mut buf = ReadBuf::uninit(&mut scrap);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.bytes_read();
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.activity.written(result.is_pending());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.activity.written(result.is_pending());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.activity.written(result.is_pending());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.activity.body_left_unread.load(Relaxed) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Period;

    fn limits() -> Limits {
        Limits {
            request_header_timeout: Period::secs(10),
            idle_timeout: Period::secs(100),
            response_idle_timeout: Period::secs(20),
            ..Limits::default()
        }
    }

    /// As if the connection had been accepted so many seconds ago.
    fn aged(seconds: u64) -> Activity {
        Activity { accepted: Instant::now() - Duration::from_secs(seconds), ..Activity::new() }
    }

    #[test]
    fn a_silent_client_has_the_header_timeout_at_first_and_the_idle_timeout_later() {
        assert_eq!(aged(11).verdict(&limits(), false), Verdict::Idle);
        assert!(matches!(aged(9).verdict(&limits(), false), Verdict::Wait(_)));
        let later = aged(99);
        later.requests_seen.store(1, Relaxed);
        assert!(matches!(later.verdict(&limits(), false), Verdict::Wait(_)));
    }

    #[test]
    fn half_a_head_is_cut_off_on_http_1_only() {
        let slow = aged(50);
        slow.requests_seen.store(1, Relaxed);
        slow.head_since.store(1, Relaxed);
        assert!(matches!(slow.verdict(&limits(), false), Verdict::Stuck(_)));
        assert!(matches!(slow.verdict(&limits(), true), Verdict::Wait(_)));
    }

    #[test]
    fn a_request_under_way_may_take_its_time_but_a_client_must_take_its_bytes() {
        let busy = Arc::new(aged(500));
        let guard = busy.request();
        assert!(matches!(busy.verdict(&limits(), false), Verdict::Wait(_)));
        busy.write_blocked_since.store(1, Relaxed);
        assert!(matches!(busy.verdict(&limits(), false), Verdict::Stuck(_)));
        busy.written(false);
        drop(guard);
        assert!(matches!(busy.verdict(&limits(), false), Verdict::Wait(_)));
    }
}
