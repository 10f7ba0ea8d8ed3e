//! The host of plugins: components that implement the traits of `storage`, `auth` and `notify`.
//!
//! | Module | What it does |
//! |---|---|
//! | [`host`] | all plugins of a process; where everything begins |
//! | [`source`] | where a component comes from |
//! | [`engine`] | the one wasmtime engine, compiling, compiled code on disk, the clock by which guests yield |
//! | [`component`] | what a component exports and imports, compared with what this server speaks |
//! | [`world`] | what the host needs to know of a world: the trait that each adapter implements once |
//! | [`slot`] | a named, exchangeable component: versions, leases, calls, the breaker, swapping |
//! | [`instance`] | one instance, its limits, and how a call of it ends |
//! | [`inspect`] | what a component is, told without running it |
//! | [`manifest`] | what a component says of itself, and what it asks for |
//! | [`sandbox`] | what a guest may reach |
//! | [`auth`] | the adapter of auth providers |
//! | [`notify`] | the adapter of notification hooks |
//! | [`admin`], [`watch`] | the ways to swap: by an API, by the change of a file |
//! | [`author`] | writes and builds the projects of those who write plugins |
//! | [`event`] | what happens to plugins, for whoever wants to be told |
//!
//! # How an adapter uses it
//!
//! ```text
//! // Once: bind the world. `Guest` is what bindgen! made; with optional exports, a struct of several.
//! impl World for AuthProviderPre<Sandbox> { … }
//!
//! // At the start: load, compile, start, ask for health. The error is a sentence for the operator.
//! let slot: Arc<Slot<AuthProviderPre<Sandbox>>> = host.open("auth", &config.auth.plugin).await?;
//!
//! // For each request, or transfer: an instance of the version in service, alone.
//! let mut lease = slot.lease().await?;
//! let (call, store, guest) = lease.begin("authorize")?;
//! let decision = call.run(guest.wharf_auth_provider().call_authorize(store, &context, &wanted)).await?;
//! // Dropping the lease gives the instance back. A lease that is kept keeps its version alive.
//! ```
//!
//! [`PluginError`] is what is wrong with the plugin (a trap, a limit, none free, out of service); what the guest
//! *returned*, errors included, is the adapter's. An adapter that has to drop a guest's resource does so in a call of
//! its own: `call.run(resource.resource_drop_async(store))`.

pub mod admin;
pub mod auth;
pub mod author;
pub mod component;
pub mod engine;
pub mod error;
pub mod event;
pub mod host;
pub mod inspect;
pub mod instance;
pub mod kit;
pub mod manifest;
pub mod notify;
pub mod sandbox;
pub mod slot;
pub mod source;
pub mod storage;
pub mod watch;
pub mod world;

pub use error::{ConfigProblem, Fault, InitError, LoadError, PluginError};
pub use host::{Host, OpenError};
pub use slot::{Lease, Managed, Slot, Spec};
pub use source::Source;
pub use world::World;
