//! What happens to plugins, for whoever wants to be told: the notification hooks, later.

use std::sync::{Arc, PoisonError, RwLock};

/// Something that happened to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another version of a component is in service.
    Swapped {
        /// The plugin's name.
        plugin: String,
        /// The digest of the version before.
        from: String,
        /// The digest of the version now.
        to: String,
    },
    /// It kept failing and is out of service for a while.
    Failing {
        /// The plugin's name.
        plugin: String,
        /// The last failure.
        reason: String,
    },
}

/// Called with each event, on the thread where it happens: it must not block.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Everybody who wants to be told.
#[derive(Default)]
pub struct Observers(RwLock<Vec<Observer>>);

impl Observers {
    /// Adds one.
    pub fn add(&self, observer: Observer) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    pub(super) fn tell(&self, event: &Event) {
        for observer in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(event);
        }
    }
}
