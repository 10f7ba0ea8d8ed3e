//! What a connection is doing, and since when: enough to tell a slow client from a stuck or a hostile one.
//!
//! One timer per connection looks at this record when it fires, and sleeps on when there was activity meanwhile. A request
//! therefore costs a clock reading and a few stores, not a timer of its own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Limits;

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
            return left(blocked, limits.stall_timeout).map_or(Verdict::Stuck("it takes no more bytes"), Verdict::Wait);
        }
        if self.requests.load(Relaxed) > 0 {
            return Verdict::Wait(limits.stall_timeout.min(limits.header_timeout));
        }
        let head = self.head_since.load(Relaxed);
        if head != 0 && !http2 {
            return left(head, limits.header_timeout)
                .map_or(Verdict::Stuck("its headers took too long"), Verdict::Wait);
        }
        let first = self.requests_seen.load(Relaxed) == 0;
        let allowed = if first { limits.header_timeout } else { limits.idle_timeout };
        left(self.idle_since.load(Relaxed), allowed).map_or(Verdict::Idle, Verdict::Wait)
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
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
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
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(100),
            stall_timeout: Duration::from_secs(20),
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
