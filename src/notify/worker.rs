//! Who empties a hook's queue.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::hook::{BATCH_EVENTS_MAX, Delivery, HookError, Outcome};
use super::lane::Lane;
use crate::telemetry::metrics::Drop;
use crate::telemetry::untapped;

/// How often the log is told of events that were lost.
const LOST_TOLD_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Worker {
    lane: Arc<Lane>,
    /// Becomes true when the server ends: whatever waits is tried at once.
    closing: watch::Receiver<bool>,
    /// Failures in a row.
    failures: u32,
    /// The log was told of them.
    told: bool,
    lost_told: Option<Instant>,
}

impl Worker {
    pub(super) fn new(lane: Arc<Lane>, closing: watch::Receiver<bool>) -> Self {
        Self { lane, closing, failures: 0, told: false, lost_told: None }
    }

    /// Delivers until the queue is closed and empty. What the hook logs meanwhile is not told to hooks.
    pub(super) async fn run(mut self) {
        untapped(async {
            while let Some(mut batch) = self.next_batch().await {
                let last = *self.closing.borrow();
                batch.iter_mut().for_each(|delivery| delivery.last = last);
                let hook = Arc::clone(&self.lane.hook);
                // A hook that panics has failed; those who come after it are still delivered to.
                let handled = AssertUnwindSafe(hook.handle(&batch)).catch_unwind().await;
                let answer = handled.unwrap_or_else(|_| Err(HookError::silent("the hook panicked")));
                if let Some(wait) = self.settle(&batch, answer) {
                    self.pause(wait).await;
                }
                self.tell_lost();
            }
        })
        .await;
    }

    /// Waits for events. `None` when there will be no more.
    async fn next_batch(&mut self) -> Option<Vec<Delivery>> {
        let max = self.lane.hook.batch_events_max().clamp(1, BATCH_EVENTS_MAX);
        loop {
            let batch = self.lane.peek(max, Instant::now());
            let closing = *self.closing.borrow();
            if batch.is_empty() {
                self.tell_lost();
                if closing {
                    return None;
                }
                self.lane.wake.notified().await;
                continue;
            }
            let linger = self.lane.hook.linger();
            if linger.is_zero() || closing || batch.len() == max || self.failures > 0 {
                return Some(batch);
            }
            self.pause(linger).await;
            let batch = self.lane.peek(max, Instant::now());
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }

    /// Sorts out what became of a batch. Gives the time to wait before the next one.
    fn settle(&mut self, batch: &[Delivery], answer: Result<Vec<Outcome>, HookError>) -> Option<Duration> {
        let answer = answer.and_then(|outcomes| match outcomes.len() == batch.len() {
            true => Ok(outcomes),
            false => Err(HookError::silent(format!("{} outcomes for {} events", outcomes.len(), batch.len()))),
        });
        match answer {
            Ok(outcomes) => {
                self.lane.settle(batch, &outcomes);
                self.count(batch, &outcomes)
            }
            Err(error) => {
                self.lane.settle(batch, &[]);
                match error.refused {
                    true => self.lane.metrics.failed(batch.len() as u64),
                    false => self.lane.metrics.error(),
                }
                self.failed(&error.reason);
                Some(self.wait(error.retry_after))
            }
        }
    }

    fn count(&mut self, batch: &[Delivery], outcomes: &[Outcome]) -> Option<Duration> {
        let (mut done, mut again, mut latest) = (0, 0, Duration::ZERO);
        for (delivery, outcome) in batch.iter().zip(outcomes) {
            match outcome {
                Outcome::Done => done += 1,
                Outcome::RetryAfter(after) => {
                    again += 1;
                    latest = latest.max(*after);
                }
                Outcome::Drop(reason) => {
                    self.lane.metrics.dropped(Drop::Refused, 1);
                    let (hook, event) = (self.lane.hook.name(), &delivery.event.id);
                    tracing::warn!(hook, %event, "notification hook {hook}: an event can't be delivered: {reason}");
                }
            }
        }
        self.lane.metrics.succeeded(done);
        if again == 0 {
            self.succeeded();
            return None;
        }
        self.put_off(again);
        Some(self.wait(Some(latest)))
    }

    fn succeeded(&mut self) {
        if self.told {
            let (hook, failures) = (self.lane.hook.name(), self.failures);
            tracing::info!(hook, failures, "notification hook {hook}: events are delivered again");
        }
        (self.failures, self.told) = (0, false);
    }

    /// The first failure is told, then the 10th, the 100th…: a receiver that is away for a night should not fill the log.
    fn failed(&mut self, reason: &str) {
        if self.is_to_be_told() {
            let (hook, failures) = (self.lane.hook.name(), self.failures);
            tracing::warn!(hook, failures, "notification hook {hook}: {reason}; it is tried again, and events wait");
            self.told = true;
        }
    }

    /// A hook that asks for time may just be gathering, so that counts as a failure only for the wait and when it goes on.
    fn put_off(&mut self, events: usize) {
        if self.is_to_be_told() && self.failures > 1 {
            let (hook, times) = (self.lane.hook.name(), self.failures);
            tracing::warn!(hook, times, "notification hook {hook}: it puts {events} events off again and again");
            self.told = true;
        }
    }

    /// Counts one more failure, and says whether the log should know.
    fn is_to_be_told(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        10_u32.checked_pow(self.failures.ilog10()) == Some(self.failures)
    }

    /// No longer than until the oldest event is too old: there may be others behind it.
    fn wait(&self, asked: Option<Duration>) -> Duration {
        let random = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
        let wait = self.lane.hook.pace().wait(self.failures, random).max(asked.unwrap_or_default());
        let patience = self.lane.patience(Instant::now()).unwrap_or_default();
        wait.min(patience.saturating_add(Duration::from_millis(1)))
    }

    /// Waits; the end of the server cuts the wait short, once.
    async fn pause(&mut self, wait: Duration) {
        if *self.closing.borrow_and_update() {
            return tokio::time::sleep(wait).await;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = self.closing.changed() => {}
        }
    }

    fn tell_lost(&mut self) {
        if self.lost_told.is_some_and(|told| told.elapsed() < LOST_TOLD_EVERY) {
            return;
        }
        let (hook, lost) = (self.lane.hook.name(), self.lane.lost());
        if lost > 0 {
            tracing::warn!(hook, lost, "notification hook {hook}: events were dropped (notifications.queue)");
            self.lost_told = Some(Instant::now());
        }
    }
}
