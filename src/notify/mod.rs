//! Who is told what happens: events, the queue in front of every hook, and the trait [`NotificationHook`].
//!
//! [`Notifier`] stands between those who have something to tell (handlers, the log, the server itself) and the hooks. Telling
//! costs one allocation and never waits: every hook has a queue of its own with bounds, and a worker that empties it.
//!
//! | Module | What it has |
//! |---|---|
//! | [`event`] | what can be told |
//! | [`hook`] | the trait, and what a hook answers |
//! | [`subscription`] | what a hook wants to hear of |
//! | `lane`, `worker`, `pace` | the queue of one hook, who empties it, and how long he waits after a failure |
//! | [`webhook`] | the hook that posts to a URL as `distribution` does |
//!
//! Events live in memory. What is undelivered when the process is killed is lost; an orderly stop delivers what it can within
//! a deadline. docs/notifications.md tells operators about it.

pub mod event;
pub mod hook;
mod lane;
mod notifier;
mod pace;
mod rate;
pub mod subscription;
#[cfg(test)]
mod tests;
pub mod webhook;
mod worker;

pub use event::{Action, Content, Event, Moment, RegistryEvent, RequestRecord, ServerEvent, Source, Subject, Target};
pub use hook::{Delivery, HookError, NotificationHook, Outcome};
pub use notifier::{Bounds, Notifier, Options};
pub use pace::Pace;
pub use subscription::{Bits, Subscription};
