//! The use of an instance: calls, and what happens to it afterwards.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;

use super::{Slot, Version};
use crate::plugin::error::{Fault, PluginError};
use crate::plugin::instance::{self, Instance};
use crate::plugin::sandbox::{Passed, Sandbox};
use crate::plugin::world::World;

/// An instance that one caller has for itself until this is dropped. It keeps its version alive, so what began on a version ends
/// on it, whatever is swapped meanwhile.
///
/// A call is begun with [`Lease::begin`] and made with [`Call::run`]:
///
/// ```text
/// let mut lease = slot.lease().await?;
/// let (call, store, guest) = lease.begin("stat")?;
/// let answer = call.run(guest.wharf_storage_backend().call_stat(store, &key)).await?;
/// ```
pub struct Lease<W: World> {
    slot: Arc<Slot<W>>,
    version: Arc<Version<W>>,
    /// Always there but while the lease is dropped.
    instance: Option<Instance<W>>,
    state: State,
    weight: Weight,
    _permit: OwnedSemaphorePermit,
}

/// What a call says about the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// One that fails is a step towards being out of service, one that succeeds ends that.
    Counts,
    /// Nothing.
    Aside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between calls.
    Idle,
    /// In the middle of a call; what is dropped now can't be used any more.
    Calling,
    /// A call failed.
    Spent,
}

/// A call that is about to be made, and what it is made with: the store of the instance, and the guest's functions.
pub type Begun<'a, W> = (Call<'a, W>, &'a mut Store<Sandbox>, &'a <W as World>::Guest);

/// One call that is about to be made.
pub struct Call<'a, W: World> {
    function: &'static str,
    slot: &'a Slot<W>,
    version: &'a Version<W>,
    state: &'a mut State,
    passed: Arc<Passed>,
    weight: Weight,
}

impl<W: World> Lease<W> {
    pub(super) fn new(
        slot: Arc<Slot<W>>,
        version: Arc<Version<W>>,
        instance: Instance<W>,
        weight: Weight,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { slot, version, instance: Some(instance), state: State::Idle, weight, _permit: permit }
    }

    /// The version that it is an instance of.
    pub fn version(&self) -> &Arc<Version<W>> {
        &self.version
    }

    /// Whether it can still be called. After a call that failed or was given up it can't.
    pub fn is_usable(&self) -> bool {
        self.state == State::Idle
    }

    /// Begins a call of the function of this name, which stands in errors and metrics. The call itself is made by handing what
    /// `guest` gives to [`Call::run`]. A call that is begun must be run to its end, or the instance is lost.
    ///
    /// # Errors
    /// When a call before this one failed: the instance is gone, take a new lease.
    pub fn begin(&mut self, function: &'static str) -> Result<Begun<'_, W>, PluginError> {
        let Some(instance) = self.instance.as_mut().filter(|_| self.state == State::Idle) else {
            let reason = "the call before this one failed, and ended its instance".to_owned();
            return Err(self.slot.error(Fault::Trap { function, reason }));
        };
        self.state = State::Calling;
        instance.store.set_epoch_deadline(1);
        instance.store.data_mut().begin_call();
        let call = Call {
            function,
            slot: &self.slot,
            version: &self.version,
            state: &mut self.state,
            passed: Arc::clone(instance.passed()),
            weight: self.weight,
        };
        Ok((call, &mut instance.store, &instance.guest))
    }

    /// The instance's store, to look at between calls; none after a call that failed.
    pub fn store(&mut self) -> Option<&mut Store<Sandbox>> {
        self.instance.as_mut().filter(|_| self.state == State::Idle).map(|instance| &mut instance.store)
    }

    /// Does not use the instance again, whatever its calls said.
    pub fn spend(&mut self) {
        self.state = State::Spent;
    }
}

impl<W: World> Call<'_, W> {
    /// Makes the call, within `limits.call_time_max`, and counts it.
    ///
    /// # Errors
    /// When the guest trapped or passed a limit. An error that the guest *returned* is no error here.
    pub async fn run<T>(self, call: impl Future<Output = wasmtime::Result<T>>) -> Result<T, PluginError> {
        let begin = Instant::now();
        let outcome =
            instance::limited(&self.slot.runtime, self.function, &self.passed, self.version.limits(), call).await;
        self.slot.metrics.called(begin.elapsed());
        match outcome {
            Ok(answer) => {
                *self.state = State::Idle;
                if self.weight == Weight::Counts {
                    self.slot.succeeded();
                }
                Ok(answer)
            }
            Err(fault) => {
                *self.state = State::Spent;
                self.slot.metrics.restarted();
                Err(match self.weight {
                    Weight::Counts => self.slot.failed(fault),
                    Weight::Aside => self.slot.failed_aside(fault),
                })
            }
        }
    }
}

impl<W: World> Drop for Lease<W> {
    fn drop(&mut self) {
        let Some(instance) = self.instance.take() else { return };
        // A pool of an old version is closed, so that its instances go with their last lease.
        if self.state == State::Idle && !self.version.fresh {
            self.version.pool.give(instance);
        }
    }
}
