//! An instance of the component, for one call or for one transfer.
//!
//! What a component has is decided by the instance that is called: [`PluginStorage::found`] only says what is worth asking for,
//! because another version may come into service between the two. A call of an interface that its instance turns out not to have
//! gives `None`, and the caller does without.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime::component::ResourceAny;
use wasmtime_wasi::WasiView as _;
use wharf_bindings::storage::wharf::storage::types as wit;

use super::PluginStorage;
use super::errors::Call;
use super::exports::Exports;
use super::stream::Stream;
use super::world::{Found, StorageWorld};
use crate::plugin::error::{Fault, PluginError};
use crate::plugin::sandbox::Sandbox;
use crate::plugin::slot::{self, Lease};
use crate::storage::{ErrorKind, Result, StorageError, StorageKey};

/// A place among the transfers that may run at once, or several that belong together.
pub(super) type Place = Arc<OwnedSemaphorePermit>;
/// The store of an instance.
pub(super) type GuestStore = Store<Sandbox>;
/// A call that is under way.
pub(super) type Running<'a> = slot::Call<'a, StorageWorld>;

/// How often a call is made in all that a component may answer with `unavailable`.
const ATTEMPTS_MAX: u32 = 3;
/// The pause before the second attempt, where the component names none; the next is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// A component that asks for more patience than this is believed to be away.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// One call in a session: `call!(session, call, |store, exports| future)`. A macro, because the future borrows from both, and a
/// closure could not say that it can be sent to another thread all the same.
macro_rules! call {
    ($session:expr, $call:expr, |$store:ident, $exports:ident| $future:expr) => {
        match $session.begin($call) {
            Err(failure) => Err(failure),
            Ok((running, $store, $exports)) => {
                $crate::plugin::storage::session::said($call, running.run($future).await)
            }
        }
    };
}
pub(super) use call;

/// A call in an instance from the pool, made again where a component that is away for a moment allows it: what is done twice
/// must have the effect of once. `ask!(storage, call, |store, exports| future)`.
macro_rules! ask {
    ($storage:expr, $call:expr, |$store:ident, $exports:ident| $future:expr) => {{
        let mut attempts = $crate::plugin::storage::session::Attempts::default();
        $crate::plugin::storage::session::ask!($storage, $call, attempts, |$store, $exports| $future)
    }};
    ($storage:expr, $call:expr, $attempts:ident, |$store:ident, $exports:ident| $future:expr) => {{
        loop {
            let mut session = $storage.session($call, None).await?;
            let answer = $crate::plugin::storage::session::call!(session, $call, |$store, $exports| $future);
            drop(session);
            if let Some(answer) = $attempts.judge($call, answer).await {
                break answer;
            }
        }
    }};
}
pub(super) use ask;

/// Says of what an interface answers that it has it.
pub(super) fn has<T, E>(answer: std::result::Result<T, E>) -> std::result::Result<Option<T>, E> {
    answer.map(Some)
}

/// What came of a call.
pub(super) fn said<T>(
    call: &Call,
    answer: std::result::Result<std::result::Result<T, wit::Error>, PluginError>,
) -> std::result::Result<T, Failure> {
    answer.map_err(|error| Failure::Host(plugin_failed(call, &error)))?.map_err(Failure::Said)
}

/// How often a call was made.
#[derive(Default)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// For what may not be made again.
    pub(super) fn only_one() -> Self {
        Self(ATTEMPTS_MAX)
    }

    /// The answer; `None` after a pause when the call should be made again.
    pub(super) async fn judge<T>(&mut self, call: &Call, answer: std::result::Result<T, Failure>) -> Option<Result<T>> {
        self.0 = self.0.saturating_add(1);
        if let Err(Failure::Said(wit::Error::Unavailable(why))) = &answer
            && self.0 < ATTEMPTS_MAX
        {
            let pause = why.retry_after_ms.map_or(PAUSE * self.0, |ms| Duration::from_millis(ms.into()));
            if pause <= PAUSE_MAX {
                tokio::time::sleep(pause).await;
                return None;
            }
        }
        Some(answer.map_err(|failure| failure.into_error(call)))
    }
}

/// Why a call gave nothing.
pub(super) enum Failure {
    /// The component says so; its instance is as good as before.
    Said(wit::Error),
    /// The instance is lost, or there is none.
    Host(StorageError),
}

impl Failure {
    pub(super) fn into_error(self, call: &Call) -> StorageError {
        match self {
            Self::Said(error) => call.said(error),
            Self::Host(error) => error,
        }
    }
}

/// An instance that one caller has for itself.
pub(super) struct Session {
    lease: Lease<StorageWorld>,
    /// For a transfer: its place among those that may run at once.
    _place: Option<Place>,
}

impl Session {
    /// Begins a call; see [`call!`].
    pub(super) fn begin(
        &mut self,
        call: &Call,
    ) -> std::result::Result<(Running<'_>, &mut GuestStore, &Exports), Failure> {
        let begun = self.lease.begin(call.operation);
        let (running, store, guest) = begun.map_err(|error| Failure::Host(plugin_failed(call, &error)))?;
        Ok((running, store, &guest.exports))
    }

    /// Ends the instance.
    pub(super) fn lose(mut self) {
        self.lease.spend();
    }

    /// How many resources of the host the instance holds.
    pub(super) fn resources(&mut self) -> usize {
        self.lease.store().map_or(0, |store| store.data_mut().resources())
    }

    /// How many it may hold and still be used again: far enough from the limit that it does not fail in the middle of a transfer.
    pub(super) fn resources_max(&self) -> usize {
        usize::try_from(self.lease.version().limits().resources_max / 2).unwrap_or(usize::MAX)
    }

    /// How long one call may take.
    pub(super) fn call_time_max(&self) -> Duration {
        self.lease.version().limits().call_time_max.get()
    }

    /// What the instance reaches and holds, between calls; none after a call that failed.
    pub(super) fn sandbox(&mut self) -> Option<&mut Sandbox> {
        self.lease.store().map(|store| store.data_mut())
    }

    /// Drops a stream, unless it went with the instance.
    pub(super) async fn drop_stream(&mut self, stream: Stream) {
        if let Some(sandbox) = self.sandbox() {
            stream.drop_from(sandbox.ctx().table).await;
        }
    }

    /// Drops a resource in the component, after the stream that it handed over for it, and gives the instance back,
    /// unless it still holds more than `resources_max` of the host's resources then.
    pub(super) async fn release(
        mut self,
        call: &Call,
        resource: ResourceAny,
        stream: Option<Stream>,
        resources_max: usize,
    ) {
        if let Some(stream) = stream {
            self.drop_stream(stream).await;
        }
        let dropped = call!(self, call, |store, _exports| async { resource.resource_drop_async(store).await.map(Ok) });
        if let Err(failure) = dropped {
            let error = failure.into_error(call);
            tracing::warn!(%error, "plugin: an instance was lost when a resource was dropped");
        }
        if self.resources() > resources_max {
            self.lease.spend();
        }
    }
}

impl PluginStorage {
    /// What is being done, for errors.
    pub(super) fn call(&self, operation: &'static str, key: &StorageKey) -> Call {
        Call::new(self.slot.name(), operation, key)
    }

    /// What the component in service has and can.
    pub(super) fn found(&self) -> Found {
        self.slot.version().world().found()
    }

    /// An instance of the version in service; for a transfer, with its place.
    pub(super) async fn session(&self, call: &Call, place: Option<Place>) -> Result<Session> {
        let lease = self.slot.lease().await.map_err(|error| plugin_failed(call, &error))?;
        Ok(Session { lease, _place: place })
    }

    /// Waits until no reader or writer is open any more, those included that were dropped and are still being cleaned up; at most
    /// as long as one call may take.
    pub async fn settle(&self) {
        let time = self.slot.plugin().limits.call_time_max.get();
        // Nothing is to be done about those that take longer.
        let _ = tokio::time::timeout(time, self.transfers.acquire_many(self.transfers_max)).await;
    }

    /// Places for so many transfers, all at once, so that nobody waits for a second one while holding a first.
    pub(super) async fn places(&self, count: u32, call: &Call) -> Result<Place> {
        let time = self.slot.plugin().limits.queue_time_max.get();
        let acquired = Arc::clone(&self.transfers).acquire_many_owned(count.min(self.transfers_max));
        match tokio::time::timeout(time, acquired).await {
            Ok(Ok(places)) => Ok(Arc::new(places)),
            _ => {
                let max = self.transfers_max;
                let sentence = format!("{max} readers and writers are open already; raise limits.instances_max");
                Err(call.error(ErrorKind::Unavailable { retry_after: None }, sentence))
            }
        }
    }
}

/// What is wrong with the plugin, as an error of storage.
fn plugin_failed(call: &Call, error: &PluginError) -> StorageError {
    let kind = match &error.fault {
        Fault::Failing { retry_after, .. } => ErrorKind::Unavailable { retry_after: Some(*retry_after) },
        Fault::Time { .. } | Fault::Busy(_) | Fault::Start(_) => ErrorKind::Unavailable { retry_after: None },
        _ => ErrorKind::Other,
    };
    StorageError::new(kind, call.operation, &call.key).with_source(error.to_string())
}
