//! The trait that everything implements which can be told of events.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::event::Event;
use super::pace::Pace;
use super::subscription::Subscription;

/// How many events a hook is given at once, at most: what `wharf:notify` promises.
pub const BATCH_EVENTS_MAX: usize = 100;

/// An event on its way to one hook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What happened.
    pub event: Arc<Event>,
    /// Rises with every event for this hook; a gap means that events were dropped.
    pub sequence: u64,
    /// How often it was handed over before.
    pub attempt: u32,
    /// The server is ending: there may be no later.
    pub last: bool,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Delivered, or of no interest.
    Done,
    /// Hand it over again, no sooner than this.
    RetryAfter(Duration),
    /// It can't be delivered, ever; the text says why, for the log.
    Drop(String),
}

/// Why a whole batch failed. All of it will be handed over again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct HookError {
    /// For the operator; no secrets.
    pub reason: String,
    /// Whether there was an answer and it was no, rather than no answer at all.
    pub refused: bool,
    /// No sooner than this.
    pub retry_after: Option<Duration>,
}

impl HookError {
    /// There was no answer.
    pub fn silent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), refused: false, retry_after: None }
    }
}

/// Somebody who is told what happens. It stands behind a queue: no request ever waits for it.
///
/// One batch at a time, in the order in which things happened, each event at least once. A hook that fails is handed the same
/// events again, and those behind them wait.
#[async_trait]
pub trait NotificationHook: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &str;

    /// What it wants to hear of, now. Asked at every event, so it must cost nothing.
    fn subscription(&self) -> Subscription;

    /// Whether it wants this event, which its subscription covers. Asked before the event is queued; must not block.
    fn wants(&self, event: &Event) -> bool {
        let _ = event;
        true
    }

    /// Handles from 1 to [`NotificationHook::batch_events_max`] events, and gives one outcome for each, in the same order. Has
    /// to end by itself: the worker sets no deadline of its own, but may drop the call when the server ends.
    ///
    /// # Errors
    /// [`HookError`] when nothing can be said of single events; the whole batch comes again.
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, HookError>;

    /// How many events it takes at once, from 1 to [`BATCH_EVENTS_MAX`].
    fn batch_events_max(&self) -> usize {
        BATCH_EVENTS_MAX
    }

    /// How long the first event of a batch waits for others, so that a storm of events becomes one message.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// How long to wait after failures.
    fn pace(&self) -> Pace {
        Pace::default()
    }

    /// What `/debug/vars` says of it, without secrets: a JSON object.
    fn describe(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}
