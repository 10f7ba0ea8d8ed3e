//! Exchanging the component of a slot while it is used.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

use super::{Slot, Version};
use crate::plugin::error::{Fault, LoadError};
use crate::plugin::event::Event;
use crate::plugin::source::{Loaded, Source};
use crate::plugin::world::World;

/// What an exchange did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// The digest before.
    pub from: String,
    /// The digest now; the same when it was in service already, and nothing was done.
    pub to: String,
    /// The number of the version in service.
    pub version: u64,
    /// How long compiling took; `None` when the compiled code was kept from an earlier time, or nothing was compiled.
    pub compile_time: Option<Duration>,
    /// How long all of it took.
    pub time: Duration,
}

impl Swapped {
    /// Whether anything was exchanged.
    pub fn is_changed(&self) -> bool {
        self.from != self.to
    }
}

/// How a slot is, for people.
#[derive(Debug, Clone)]
pub struct Status {
    /// The plugin's name.
    pub name: String,
    /// The world.
    pub world: &'static str,
    /// Where the component in service came from.
    pub source: String,
    /// Its digest.
    pub digest: String,
    /// Its number.
    pub version: u64,
    /// When it was loaded.
    pub loaded_at: SystemTime,
    /// Whether each call gets an instance of its own.
    pub fresh: bool,
    /// How long one instance takes to start.
    pub start_time: Duration,
    /// Instances that exist, busy and idle ones, of all versions.
    pub instances: u64,
    /// Idle instances of the version in service.
    pub idle: usize,
    /// Whether it is out of service because it kept failing.
    pub failing: bool,
    /// The digest that a rollback would bring back.
    pub previous: Option<String>,
}

/// A slot of any world, for whoever looks after all of them.
#[async_trait]
pub trait Managed: Send + Sync + 'static {
    /// The plugin's name.
    fn name(&self) -> &str;

    /// Where its component came from at the start.
    fn configured(&self) -> &Source;

    /// How it is.
    async fn status(&self) -> Status;

    /// Asks an instance of the version in service how it is. One that has no time is well.
    ///
    /// # Errors
    /// What is wrong, in words.
    async fn health(self: Arc<Self>) -> Result<(), String>;

    /// Puts another component into service: the one from `source`, or once more the configured one. It goes through the whole of
    /// loading while the old one serves; calls under way end on the version that they began on.
    ///
    /// # Errors
    /// When the new one can't be put into service; the old one stays.
    async fn swap(&self, source: Option<Source>) -> Result<Swapped, LoadError>;

    /// Puts the version before into service again.
    ///
    /// # Errors
    /// When there is none, or it does not start any more.
    async fn rollback(&self) -> Result<Swapped, LoadError>;
}

#[async_trait]
impl<W: World> Managed for Slot<W> {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn configured(&self) -> &Source {
        &self.spec.source
    }

    async fn status(&self) -> Status {
        let version = self.version();
        // Not while a version is being loaded, which may take long: then there is nothing to roll back to yet.
        let previous = self.previous.try_lock().ok().and_then(|previous| Some(previous.as_ref()?.digest.clone()));
        Status {
            name: self.name().to_owned(),
            world: W::NAME,
            source: version.source.clone(),
            digest: version.digest.clone(),
            version: version.number,
            loaded_at: version.loaded_at,
            fresh: version.fresh,
            start_time: version.start_time,
            instances: self.metrics.instances(),
            idle: version.pool.idle(),
            failing: self.is_failing(),
            previous,
        }
    }

    async fn health(self: Arc<Self>) -> Result<(), String> {
        let mut lease = match self.lease_aside().await {
            Err(error) if matches!(error.fault, Fault::Busy(_)) => return Ok(()),
            lease => lease.map_err(|error| error.to_string())?,
        };
        let (call, store, guest) = lease.begin("health").map_err(|error| error.to_string())?;
        let answer = call.run(W::health(guest, store)).await.map_err(|error| error.to_string())?;
        answer.map_err(|reason| format!("plugin {}: {reason}", self.name()))
    }

    async fn swap(&self, source: Option<Source>) -> Result<Swapped, LoadError> {
        let begin = Instant::now();
        let mut previous = self.previous.lock().await;
        let outcome = self.load_next(source).await;
        self.metrics.swapped(outcome.is_ok());
        match outcome {
            Ok(Some(version)) => Ok(self.exchange(&mut previous, version, begin)),
            Ok(None) => {
                let current = self.version();
                let (digest, number) = (current.digest.clone(), current.number);
                tracing::info!(
                    plugin = self.name(),
                    digest,
                    "plugin: nothing to swap: this component is in service already"
                );
                let time = begin.elapsed();
                Ok(Swapped { from: digest.clone(), to: digest, version: number, compile_time: None, time })
            }
            Err(error) => {
                tracing::error!(plugin = self.name(), "plugin: not swapped, the version in service stays: {error}");
                Err(error)
            }
        }
    }

    async fn rollback(&self) -> Result<Swapped, LoadError> {
        let begin = Instant::now();
        let mut previous = self.previous.lock().await;
        let Some(version) = previous.clone() else {
            let reason = "there is no version before this one to go back to; name a file: wharf plugin swap NAME FILE";
            return Err(LoadError::Host(reason.to_owned()));
        };
        // What it depends on may be gone since.
        let mut instance = version.start(&self.runtime).await?;
        instance.health(&self.runtime, version.limits()).await?;
        version.pool.open();
        version.pool.give(instance);
        self.metrics.swapped(true);
        Ok(self.exchange(&mut previous, version, begin))
    }
}

impl<W: World> Slot<W> {
    /// `None`: it is in service already.
    async fn load_next(&self, source: Option<Source>) -> Result<Option<Arc<Version<W>>>, LoadError> {
        let source = source.as_ref().unwrap_or(&self.spec.source);
        let loaded = Loaded::read(source, &self.spec.plugin.limits, self.runtime.logins()).await?;
        let current = self.version();
        if loaded.digest == current.digest {
            return Ok(None);
        }
        let number = self.versions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let version = Version::load(&self.runtime, &self.spec, loaded, number, &self.metrics).await?;
        Ok(Some(Arc::new(version)))
    }

    /// The one moment in which callers begin to get the other version.
    fn exchange(&self, previous: &mut Option<Arc<Version<W>>>, next: Arc<Version<W>>, begin: Instant) -> Swapped {
        let (number, compile_time, to) = (next.number, next.compile_time, next.digest.clone());
        let old = self.current.swap(next);
        old.pool.close();
        self.breaker.reset();
        let from = old.digest.clone();
        *previous = Some(old);
        let time = begin.elapsed();
        tracing::info!(plugin = self.name(), from, to, version = number, "plugin: swapped in {time:?}");
        self.observers.tell(&Event::Swapped { plugin: self.name().to_owned(), from: from.clone(), to: to.clone() });
        Swapped { from, to, version: number, compile_time, time }
    }
}
