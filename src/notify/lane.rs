//! One hook with the queue in front of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::event::{Event, Subject};
use super::hook::{Delivery, NotificationHook, Outcome};
use super::rate::Rate;
use crate::telemetry::Level;
use crate::telemetry::metrics::{Drop, HookMetrics};

/// The bounds of each hook's queue. What is in a hook's hands counts until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// So many events.
    pub events_max: usize,
    /// So much memory, estimated.
    pub bytes_max: usize,
    /// An event older than this is given up.
    pub age_max: Duration,
}

/// A hook, its queue, its counts.
pub(super) struct Lane {
    pub(super) hook: Arc<dyn NotificationHook>,
    pub(super) metrics: HookMetrics,
    /// Rung when there may be something to do.
    pub(super) wake: Notify,
    bounds: Bounds,
    /// Panics and the end of the server are counted apart, so that chatter can't hide them.
    grave: Rate,
    chatter: Rate,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// In the order of their sequence; those in the hook's hands are the first.
    waiting: VecDeque<Waiting>,
    bytes: usize,
    sequence: u64,
    closed: bool,
    /// Dropped since the log was last told.
    lost: u64,
}

struct Waiting {
    delivery: Delivery,
    bytes: usize,
    since: Instant,
}

impl Lane {
    pub(super) fn new(hook: Arc<dyn NotificationHook>, metrics: HookMetrics, bounds: Bounds) -> Self {
        let (grave, chatter) = (Rate::default(), Rate::default());
        Self { hook, metrics, wake: Notify::new(), bounds, grave, chatter, queue: Mutex::default() }
    }

    /// Puts an event into the queue. When there is no room, the oldest ones give way: whoever comes back after a long time
    /// wants to know how things are, rather than how they were.
    pub(super) fn offer(&self, event: &Arc<Event>, bytes: usize, now: Instant) {
        let refusal = match &event.subject {
            Subject::Log(record) if !self.rate_of(record.level).allows(now) => Some(Drop::Rate),
            _ if bytes > self.bounds.bytes_max || self.bounds.events_max == 0 => Some(Drop::Full),
            _ => None,
        };
        let mut queue = self.lock();
        // A number is used up whatever happens, so that the hook sees the gap.
        queue.sequence += 1;
        if let Some(reason) = refusal.or(queue.closed.then_some(Drop::Ended)) {
            queue.lost += 1;
            return self.metrics.dropped(reason, 1);
        }
        while queue.waiting.len() >= self.bounds.events_max || queue.bytes + bytes > self.bounds.bytes_max {
            if !queue.drop_oldest() {
                break;
            }
            queue.lost += 1;
            self.metrics.left(1);
            self.metrics.dropped(Drop::Full, 1);
        }
        let delivery = Delivery { event: Arc::clone(event), sequence: queue.sequence, attempt: 0, last: false };
        queue.waiting.push_back(Waiting { delivery, bytes, since: now });
        queue.bytes += bytes;
        self.metrics.event();
        drop(queue);
        self.wake.notify_one();
    }

    /// The first `max` events, which stay in the queue until [`Lane::settle`]. Those that are too old are dropped.
    pub(super) fn peek(&self, max: usize, now: Instant) -> Vec<Delivery> {
        let mut queue = self.lock();
        while queue.waiting.front().is_some_and(|first| first.age(now) > self.bounds.age_max) {
            queue.drop_oldest();
            queue.lost += 1;
            self.metrics.left(1);
            self.metrics.dropped(Drop::Old, 1);
        }
        queue.waiting.iter().take(max).map(|waiting| waiting.delivery.clone()).collect()
    }

    /// Takes what is finished of a batch out of the queue; the rest has one more attempt behind it. Without outcomes nothing
    /// is finished.
    pub(super) fn settle(&self, batch: &[Delivery], outcomes: &[Outcome]) {
        let Some(last) = batch.last() else { return };
        let mut queue = self.lock();
        let mut kept = Vec::new();
        while queue.waiting.front().is_some_and(|first| first.delivery.sequence <= last.sequence) {
            let Some(mut first) = queue.waiting.pop_front() else { break };
            let position = batch.iter().position(|delivery| delivery.sequence == first.delivery.sequence);
            let outcome = position.and_then(|position| outcomes.get(position));
            match outcome {
                Some(Outcome::Done | Outcome::Drop(_)) => {
                    queue.bytes = queue.bytes.saturating_sub(first.bytes);
                    self.metrics.left(1);
                }
                _ => {
                    first.delivery.attempt = first.delivery.attempt.saturating_add(1);
                    kept.push(first);
                }
            }
        }
        for waiting in kept.into_iter().rev() {
            queue.waiting.push_front(waiting);
        }
    }

    /// How long the oldest event may still wait.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let queue = self.lock();
        queue.waiting.front().map(|first| self.bounds.age_max.saturating_sub(first.age(now)))
    }

    /// Takes no more events. What waits can still be delivered.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Gives up what still waits, and says how much that was.
    pub(super) fn give_up(&self) -> usize {
        let mut queue = self.lock();
        let count = queue.waiting.len();
        queue.waiting.clear();
        queue.bytes = 0;
        self.metrics.left(count);
        self.metrics.dropped(Drop::Ended, count as u64);
        count
    }

    /// How many events were lost since this was last asked.
    pub(super) fn lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost)
    }

    fn rate_of(&self, level: Level) -> &Rate {
        if matches!(level, Level::Panic | Level::Fatal) { &self.grave } else { &self.chatter }
    }

    /// Nothing in here calls out while it holds the lock, so a panic elsewhere has left nothing half done. Nor does anything
    /// log, which would come back here.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn drop_oldest(&mut self) -> bool {
        let Some(first) = self.waiting.pop_front() else { return false };
        self.bytes = self.bytes.saturating_sub(first.bytes);
        true
    }
}

impl Waiting {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}
