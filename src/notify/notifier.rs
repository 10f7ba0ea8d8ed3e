//! Where events come in, and where they are handed to every hook that wants them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::event::{Action, Event, Moment, RegistryEvent, ServerEvent, Source, Subject};
use super::hook::NotificationHook;
pub use super::lane::Bounds;
use super::lane::Lane;
use super::worker::Worker;
use crate::telemetry::metrics::NotificationMetrics;
use crate::telemetry::{Level, LogRecord, LogTap};

/// What the operator decides about notifications.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which server events say they come from.
    pub source: Source,
    /// `notifications.events.includereferences`.
    pub include_references: bool,
    /// `notifications.queue`.
    pub bounds: Bounds,
}

impl Default for Options {
    fn default() -> Self {
        let bounds = Bounds { events_max: 10_000, bytes_max: 16 << 20, age_max: Duration::from_secs(24 * 3600) };
        Self { source: Source::default(), include_references: false, bounds }
    }
}

/// Tells hooks. Without hooks it costs one look at an empty list.
pub struct Notifier {
    source: Arc<Source>,
    include_references: bool,
    bounds: Bounds,
    metrics: NotificationMetrics,
    lanes: ArcSwap<Vec<Arc<Lane>>>,
    workers: Mutex<JoinSet<()>>,
    closing: watch::Sender<bool>,
}

impl Notifier {
    /// One without hooks yet.
    pub fn new(options: Options, metrics: NotificationMetrics) -> Self {
        Self {
            source: Arc::new(options.source),
            include_references: options.include_references,
            bounds: options.bounds,
            metrics,
            lanes: ArcSwap::default(),
            workers: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// One that tells nobody.
    pub fn silent() -> Self {
        Self::new(Options::default(), NotificationMetrics::default())
    }

    /// Adds a hook, which hears of everything from now on. Must be called inside the runtime.
    pub fn add(&self, hook: Arc<dyn NotificationHook>) {
        let metrics = self.metrics.hook(hook.name());
        let lane = Arc::new(Lane::new(hook, metrics, self.bounds));
        self.workers().spawn(Worker::new(Arc::clone(&lane), self.closing.subscribe()).run());
        self.lanes.rcu(|lanes| lanes.iter().chain([&lane]).cloned().collect::<Vec<_>>());
    }

    /// Whether there is any hook.
    pub fn has_hooks(&self) -> bool {
        !self.lanes.load().is_empty()
    }

    /// Whether anybody wants to hear of an action; asked before an event about it is made.
    pub fn wants(&self, action: Action) -> bool {
        self.lanes.load().iter().any(|lane| lane.hook.subscription().actions.contains(action))
    }

    /// Whether events about manifests hold what these refer to.
    pub fn include_references(&self) -> bool {
        self.include_references
    }

    /// Something was done to a repository.
    pub fn registry(&self, event: RegistryEvent) {
        self.tell(Subject::Registry(event));
    }

    /// Something happened to the server itself.
    pub fn server<const N: usize>(&self, moment: Moment, attributes: [(&str, String); N]) {
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.tell(Subject::Server(ServerEvent { moment, attributes }));
    }

    fn tell(&self, subject: Subject) {
        let lanes = self.lanes.load();
        if lanes.is_empty() {
            return;
        }
        let (id, source) = (Uuid::now_v7(), Arc::clone(&self.source));
        let event = Arc::new(Event { id, timestamp: Timestamp::now(), source, subject });
        let (bytes, now) = (event.size_bytes(), Instant::now());
        for lane in lanes.iter().filter(|lane| lane.hook.subscription().wants(&event) && lane.hook.wants(&event)) {
            lane.offer(&event, bytes, now);
        }
    }

    /// The hooks as `/debug/vars` shows them, without secrets.
    pub fn vars(&self) -> serde_json::Value {
        let endpoint = |lane: &Arc<Lane>| {
            let mut described = serde_json::json!({ "name": lane.hook.name() });
            if let (Some(all), serde_json::Value::Object(own)) = (described.as_object_mut(), lane.hook.describe()) {
                all.extend(own);
                all.insert("Metrics".to_owned(), lane.metrics.vars());
            }
            described
        };
        let endpoints: Vec<_> = self.lanes.load().iter().map(endpoint).collect();
        serde_json::json!({ "notifications": { "endpoints": endpoints } })
    }

    /// Takes no more events, delivers what waits, for `patience` at most, and gives up the rest. Returns how many events were
    /// not delivered.
    pub async fn close(&self, patience: Duration) -> usize {
        let lanes = self.lanes.load_full();
        self.closing.send_replace(true);
        lanes.iter().for_each(|lane| lane.close());
        let mut workers = std::mem::take(&mut *self.workers());
        let all = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            workers.shutdown().await;
        }
        lanes.iter().map(|lane| lane.give_up()).sum()
    }

    fn workers(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogTap for Notifier {
    fn wants(&self, level: Level) -> bool {
        self.lanes.load().iter().any(|lane| lane.hook.subscription().levels.contains(level))
    }

    fn record(&self, record: LogRecord) {
        self.tell(Subject::Log(record));
    }
}
