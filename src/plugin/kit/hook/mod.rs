//! The kit of notification hooks: each kind of event that the hook subscribes to, alone and in batches, again, and with what a
//! later version might add.

pub mod events;

use std::sync::Arc;
use std::time::Instant;

use wharf_bindings::notify::wharf::notify::types as wit;

use super::report::{Report, Verdict};
use crate::config::plugin::Plugin;
use crate::plugin::host::{Host, OpenError};
use crate::plugin::notify::HookWorld;
use crate::plugin::slot::Slot;

/// The world, as reports name it.
pub const WORLD: &str = "wharf:notify/notification-hook";

/// The largest batch that the contract allows.
const BATCH_MAX: usize = 100;
/// An event that is put off for longer than this is as good as dropped.
const RETRY_AFTER_MS_MAX: u32 = 60 * 60 * 1000;

/// What was seen, when it is not what the contract says.
type Seen = Result<(), String>;

/// Runs the kit.
///
/// # Errors
/// When the component can't even be loaded; that says what to mend.
pub async fn run(host: &Host, plugin: &Plugin) -> Result<Report, OpenError> {
    let mut report = Report::new(&plugin.component, WORLD);
    let hook = Hook::open(host, plugin).await?;
    let start = Instant::now();
    let subscription = hook.subscription().await;
    let seen = subscription.as_ref().map_err(Clone::clone).and_then(wants_something);
    report.add("it subscribes to something", verdict(seen), start.elapsed());
    let Ok(subscription) = subscription else { return Ok(report) };
    let kinds = events::of(&subscription);
    for event in &kinds {
        let start = Instant::now();
        let seen = hook.takes(std::slice::from_ref(event)).await;
        report.add(format!("it takes {}", events::name(event)), verdict(seen), start.elapsed());
    }
    if kinds.is_empty() {
        return Ok(report);
    }
    let start = Instant::now();
    let batch: Vec<wit::Event> =
        kinds.iter().cycle().take(BATCH_MAX).cloned().enumerate().map(events::numbered).collect();
    let seen = hook.takes(&batch).await;
    report.add("it gives one outcome for each of 100 events", verdict(seen), start.elapsed());
    let start = Instant::now();
    let again: Vec<wit::Event> = batch.iter().take(10).cloned().map(events::again).collect();
    let seen = hook.takes(&again).await;
    report.add("it takes events again that it has had before", verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = hook.takes(&kinds.iter().cloned().map(events::of_later_version).collect::<Vec<_>>()).await;
    report.add("it takes attributes that it does not know, and texts of any kind", verdict(seen), start.elapsed());
    let start = Instant::now();
    let seen = hook.takes(&events::all()).await;
    report.add("it takes kinds of events that it did not ask for", verdict(seen), start.elapsed());
    Ok(report)
}

fn verdict(seen: Seen) -> Verdict {
    seen.map_or_else(Verdict::Failed, |()| Verdict::Passed)
}

fn wants_something(subscription: &wit::Subscription) -> Seen {
    let no_actions = subscription.actions == wit::Actions::empty();
    let empty = no_actions && subscription.levels == wit::Levels::empty() && !subscription.server;
    if empty { Err("the subscription is empty: it will never be called".to_owned()) } else { Ok(()) }
}

/// A hook that is called directly.
pub struct Hook {
    slot: Arc<Slot<HookWorld>>,
}

impl Hook {
    /// Loads it.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn open(host: &Host, plugin: &Plugin) -> Result<Self, OpenError> {
        let mut patient = plugin.clone();
        patient.limits.failures_max = u32::MAX;
        Ok(Self { slot: host.open::<HookWorld>("hook", &patient).await? })
    }

    async fn subscription(&self) -> Result<wit::Subscription, String> {
        let asked = async {
            let mut lease = self.slot.lease().await?;
            let (call, store, guest) = lease.begin("subscriptions")?;
            call.run(guest.wharf_notify_hook().call_subscriptions(store)).await
        };
        asked.await.map_err(|error: crate::plugin::PluginError| error.to_string())
    }

    /// Hands events over.
    ///
    /// # Errors
    /// When the component did not answer.
    pub async fn handle(&self, events: &[wit::Event]) -> Result<Vec<wit::Outcome>, String> {
        let handled = async {
            let mut lease = self.slot.lease().await?;
            let (call, store, guest) = lease.begin("handle")?;
            call.run(guest.wharf_notify_hook().call_handle(store, events)).await
        };
        handled.await.map_err(|error: crate::plugin::PluginError| error.to_string())
    }

    /// Whether it answers as the contract says. Where it delivers to may well be away: to be handed them again is an answer.
    async fn takes(&self, events: &[wit::Event]) -> Seen {
        let outcomes = self.handle(events).await?;
        if outcomes.len() != events.len() {
            return Err(format!("{} outcomes for {} events", outcomes.len(), events.len()));
        }
        for (event, outcome) in events.iter().zip(&outcomes) {
            match outcome {
                wit::Outcome::RetryAfterMs(ms) if *ms > RETRY_AFTER_MS_MAX => {
                    return Err(format!("{} is wanted again after {ms} ms only", events::name(event)));
                }
                wit::Outcome::Drop(reason) if reason.is_empty() => {
                    return Err(format!("{} is dropped without a reason", events::name(event)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
