//! A notification hook that is a component: [`NotificationHook`] over the world `wharf:notify/notification-hook`.

mod convert;
#[cfg(test)]
mod tests;
mod world;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

pub use world::HookWorld;

use super::event::Event;
use super::slot::{Lease, Slot};
use super::{Fault, Host, PluginError};
use crate::notify::{Delivery, HookError, NotificationHook, Outcome, Subscription};

/// A notification hook that is a component.
///
/// One batch is in its hands at a time, so one warm instance does all the work. A trap or a passed limit ends the instance; the
/// batch comes again, to a fresh one. After a swap the next batch goes to the new version, which is asked anew what it wants to
/// hear of.
pub struct PluginHook {
    slot: Arc<Slot<HookWorld>>,
    /// What the operator allows.
    allowed: Subscription,
    linger: Duration,
    wanted: Mutex<Subscription>,
    /// The version that said so.
    asked: AtomicU64,
}

impl PluginHook {
    /// Puts the component of a slot to use: asks it what it wants to hear of, of which it gets what is `allowed`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn open(
        host: &Host,
        slot: Arc<Slot<HookWorld>>,
        allowed: Subscription,
        linger: Duration,
    ) -> Result<Arc<Self>, PluginError> {
        let (wanted, asked) = (Mutex::default(), AtomicU64::new(0));
        let hook = Arc::new(Self { slot, allowed, linger, wanted, asked });
        let lease = hook.lease().await?;
        drop(lease);
        if hook.subscription() == Subscription::default() {
            let name = hook.name();
            tracing::warn!("notification hook {name} wants to hear of nothing that it may hear of; it is never called");
        }
        // A new version may want something else, and must not wait for an event that the old one wanted to be asked.
        let (weak, runtime) = (Arc::downgrade(&hook), tokio::runtime::Handle::current());
        host.observe(Arc::new(move |event| {
            if let (Event::Swapped { plugin, .. }, Some(hook)) = (event, weak.upgrade())
                && plugin == hook.name()
            {
                runtime.spawn(async move { hook.ask_again().await });
            }
        }));
        Ok(hook)
    }

    async fn ask_again(&self) {
        if let Err(error) = self.lease().await {
            tracing::warn!("{error}; it is asked again with the next event");
        }
    }

    /// An instance that has said what it wants to hear of.
    async fn lease(&self) -> Result<Lease<HookWorld>, PluginError> {
        let mut lease = self.slot.lease().await?;
        let version = lease.version().number;
        if self.asked.load(Relaxed) != version {
            let (call, store, guest) = lease.begin("subscriptions")?;
            let wanted = call.run(guest.wharf_notify_hook().call_subscriptions(store)).await?;
            *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) =
                convert::subscription(wanted).and(self.allowed);
            self.asked.store(version, Relaxed);
        }
        Ok(lease)
    }

    async fn call(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, PluginError> {
        let events: Vec<_> = batch.iter().map(convert::event).collect();
        let mut lease = self.lease().await?;
        let (call, store, guest) = lease.begin("handle")?;
        let outcomes = call.run(guest.wharf_notify_hook().call_handle(store, &events)).await?;
        if outcomes.len() != batch.len() {
            // Whatever it thinks it has done, the batch comes again: to somebody who has a fresh mind.
            lease.spend();
        }
        Ok(outcomes.into_iter().map(convert::outcome).collect())
    }
}

#[async_trait]
impl NotificationHook for PluginHook {
    fn name(&self) -> &str {
        self.slot.name()
    }

    fn subscription(&self) -> Subscription {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, HookError> {
        self.call(batch).await.map_err(|error| {
            let retry_after = match error.fault {
                Fault::Failing { retry_after, .. } => Some(retry_after),
                _ => None,
            };
            HookError { retry_after, ..HookError::silent(error.to_string()) }
        })
    }

    fn linger(&self) -> Duration {
        self.linger
    }

    fn describe(&self) -> serde_json::Value {
        let version = self.slot.version();
        json!({ "component": version.source, "digest": version.digest })
    }
}
