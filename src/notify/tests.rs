//! Goal: every event that fits is delivered in order and at least once, and no hook can hold up anybody but itself. Method:
//! hooks that answer by script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::event::{Action, Event, RegistryEvent, RequestRecord, Subject, Target};
use super::hook::{Delivery, HookError, NotificationHook, Outcome};
use super::lane::Lane;
use super::subscription::{Bits, Subscription};
use super::{Bounds, Notifier, Options, Pace};
use crate::patience::in_time;
use crate::telemetry::metrics::{HookMetrics, NotificationMetrics};
use crate::telemetry::{Level, LogRecord, LogTap};

type Answer = fn(&[Delivery]) -> Result<Vec<Outcome>, HookError>;

/// Answers by script, then with `done`; tells of every batch.
struct Scripted {
    script: Mutex<VecDeque<Answer>>,
    batches: mpsc::UnboundedSender<Vec<(String, u64, u32)>>,
}

#[async_trait]
impl NotificationHook for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn subscription(&self) -> Subscription {
        let levels = [Level::Panic, Level::Error].into_iter().collect();
        Subscription { actions: [Action::Push, Action::Delete].into_iter().collect(), levels, server: false }
    }

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, HookError> {
        let seen = batch.iter().map(|delivery| (name_of(&delivery.event), delivery.sequence, delivery.attempt));
        let _ = self.batches.send(seen.collect());
        let answer = self.script.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer(batch),
            None => Ok(vec![Outcome::Done; batch.len()]),
        }
    }

    fn batch_events_max(&self) -> usize {
        2
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_millis(1), longest: Duration::from_millis(1), threshold: u32::MAX }
    }
}

fn name_of(event: &Event) -> String {
    match &event.subject {
        Subject::Registry(event) => event.target.repository.clone(),
        Subject::Log(record) => record.message.clone(),
        Subject::Server(event) => format!("{:?}", event.moment),
    }
}

fn about(action: Action, repository: &str) -> RegistryEvent {
    let target = Target { repository: repository.to_owned(), ..Target::default() };
    RegistryEvent { action, target, request: RequestRecord::default(), actor: None }
}

fn record(level: Level, message: &str) -> LogRecord {
    LogRecord { level, message: message.to_owned(), fields: Vec::new() }
}

type Batches = mpsc::UnboundedReceiver<Vec<(String, u64, u32)>>;

fn notifier(script: Vec<Answer>) -> (Notifier, Batches) {
    let (batches, receiver) = mpsc::unbounded_channel();
    let notifier = Notifier::new(Options::default(), NotificationMetrics::default());
    notifier.add(Arc::new(Scripted { script: Mutex::new(script.into()), batches }));
    (notifier, receiver)
}

fn batch(events: &[(&str, u64, u32)]) -> Vec<(String, u64, u32)> {
    events.iter().map(|(name, sequence, attempt)| ((*name).to_owned(), *sequence, *attempt)).collect()
}

const FAILS: Answer = |_| Err(HookError::silent("away"));
const PANICS: Answer = |_| panic!("on purpose");
const SHORT: Answer = |_| Ok(Vec::new());
const FIRST_AGAIN: Answer = |batch| {
    let mut outcomes = vec![Outcome::Done; batch.len()];
    outcomes[0] = Outcome::RetryAfter(Duration::from_millis(1));
    Ok(outcomes)
};

#[tokio::test]
async fn a_failed_batch_comes_again_whole_and_before_what_is_behind_it() {
    for failure in [FAILS, PANICS, SHORT] {
        let (notifier, mut batches) = notifier(vec![failure, failure]);
        for name in ["a", "b", "c"] {
            notifier.registry(about(Action::Push, name));
        }
        for attempt in 0..3 {
            let expected = batch(&[("a", 1, attempt), ("b", 2, attempt)]);
            assert_eq!(in_time(batches.recv()).await.unwrap(), expected);
        }
        assert_eq!(in_time(batches.recv()).await.unwrap(), batch(&[("c", 3, 0)]));
    }
}

#[tokio::test]
async fn an_event_to_be_tried_again_keeps_its_place() {
    let (notifier, mut batches) = notifier(vec![FIRST_AGAIN]);
    for name in ["a", "b", "c"] {
        notifier.registry(about(Action::Push, name));
    }
    assert_eq!(in_time(batches.recv()).await.unwrap(), batch(&[("a", 1, 0), ("b", 2, 0)]));
    assert_eq!(in_time(batches.recv()).await.unwrap(), batch(&[("a", 1, 1), ("c", 3, 0)]));
}

#[tokio::test]
async fn a_hook_hears_what_it_subscribed_to_and_nothing_else() {
    let (notifier, mut batches) = notifier(Vec::new());
    assert!(notifier.wants(Action::Push) && !notifier.wants(Action::Pull));
    assert!(LogTap::wants(&notifier, Level::Panic) && !LogTap::wants(&notifier, Level::Fatal));
    assert!(!Notifier::silent().wants(Action::Push));
    notifier.registry(about(Action::Pull, "pulled"));
    notifier.server(super::Moment::Started, []);
    notifier.record(record(Level::Fatal, "fatal"));
    notifier.record(record(Level::Panic, "panic"));
    assert_eq!(in_time(batches.recv()).await.unwrap(), batch(&[("panic", 1, 0)]));
}

#[tokio::test]
async fn the_end_delivers_what_waits() {
    let (notifier, mut batches) = notifier(vec![FAILS]);
    for name in ["a", "b", "c"] {
        notifier.registry(about(Action::Push, name));
    }
    assert_eq!(notifier.close(Duration::from_secs(30)).await, 0);
    notifier.registry(about(Action::Push, "too late"));
    let mut delivered = Vec::new();
    while let Ok(batch) = batches.try_recv() {
        delivered.extend(batch.into_iter().map(|(name, _, _)| name));
    }
    delivered.dedup();
    assert_eq!(delivered, ["a", "b", "a", "b", "c"]);
}

/// Never answers.
struct Stuck;

#[async_trait]
impl NotificationHook for Stuck {
    fn name(&self) -> &str {
        "stuck"
    }

    fn subscription(&self) -> Subscription {
        Subscription { actions: Bits::ALL, ..Subscription::default() }
    }

    async fn handle(&self, _: &[Delivery]) -> Result<Vec<Outcome>, HookError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_hook_that_hangs_holds_up_neither_the_others_nor_the_end() {
    let (notifier, mut batches) = notifier(Vec::new());
    notifier.add(Arc::new(Stuck));
    notifier.registry(about(Action::Push, "a"));
    assert_eq!(in_time(batches.recv()).await.unwrap(), batch(&[("a", 1, 0)]));
    assert_eq!(notifier.close(Duration::from_millis(20)).await, 1);
}

fn lane(bounds: Bounds) -> (Lane, HookMetrics) {
    let metrics = NotificationMetrics::default().hook("stuck");
    (Lane::new(Arc::new(Stuck), metrics.clone(), bounds), metrics)
}

fn offer(lane: &Lane, subject: Subject, now: Instant) {
    let (id, timestamp) = (uuid::Uuid::nil(), jiff::Timestamp::UNIX_EPOCH);
    let event = Arc::new(Event { id, timestamp, source: Arc::default(), subject });
    lane.offer(&event, event.size_bytes(), now);
}

fn push(name: &str) -> Subject {
    Subject::Registry(about(Action::Push, name))
}

const ROOMY: Bounds = Bounds { events_max: 1000, bytes_max: 1 << 20, age_max: Duration::from_secs(60) };

#[test]
fn the_oldest_events_give_way_and_the_gap_is_seen() {
    let now = Instant::now();
    for bounds in [Bounds { events_max: 2, ..ROOMY }, Bounds { bytes_max: 1200, ..ROOMY }] {
        let (lane, metrics) = lane(bounds);
        ["a", "b", "c", "d"].into_iter().for_each(|name| offer(&lane, push(name), now));
        let waiting: Vec<u64> = lane.peek(100, now).iter().map(|delivery| delivery.sequence).collect();
        assert_eq!(waiting, [3, 4], "{bounds:?}");
        let vars = metrics.vars();
        assert_eq!((&vars["Pending"], &vars["Events"], &vars["Dropped"]["full"]), (&2.into(), &4.into(), &2.into()));
        assert_eq!((lane.lost(), lane.lost()), (2, 0));
    }
}

#[test]
fn an_event_that_gives_way_while_it_is_delivered_is_settled_once() {
    let now = Instant::now();
    let (lane, metrics) = lane(Bounds { events_max: 2, ..ROOMY });
    ["a", "b"].into_iter().for_each(|name| offer(&lane, push(name), now));
    let batch = lane.peek(100, now);
    offer(&lane, push("c"), now);
    lane.settle(&batch, &[Outcome::Done, Outcome::Done]);
    let waiting: Vec<u64> = lane.peek(100, now).iter().map(|delivery| delivery.sequence).collect();
    assert_eq!(waiting, [3]);
    assert_eq!(metrics.vars()["Pending"], 1);
}

#[test]
fn what_is_too_old_or_too_large_is_given_up() {
    let now = Instant::now();
    let (lane, metrics) = lane(Bounds { bytes_max: 2000, ..ROOMY });
    offer(&lane, push("a"), now);
    offer(&lane, push("b"), now + Duration::from_secs(59));
    offer(&lane, push(&"long".repeat(1000)), now + Duration::from_secs(59));
    let later = now + Duration::from_secs(61);
    assert_eq!(lane.peek(100, later).len(), 1);
    assert_eq!(lane.patience(later), Some(Duration::from_secs(58)));
    let dropped = &metrics.vars()["Dropped"];
    assert_eq!((&dropped["old"], &dropped["full"]), (&1.into(), &1.into()));
}

#[test]
fn a_storm_of_records_is_bounded_and_does_not_hide_a_panic() {
    let now = Instant::now();
    let (lane, metrics) = lane(ROOMY);
    (0..500).for_each(|_| offer(&lane, Subject::Log(record(Level::Error, "storm")), now));
    offer(&lane, Subject::Log(record(Level::Panic, "panic")), now);
    offer(&lane, push("a"), now);
    let waiting = lane.peek(1000, now);
    assert_eq!(waiting.len(), 102);
    assert_eq!(waiting.last().map(|delivery| delivery.sequence), Some(502));
    assert_eq!(metrics.vars()["Dropped"]["rate"], 400);
}
