//! A reader or a writer of a component, with the instance that it keeps to itself.

use wasmtime::component::ResourceAny;

use super::errors::Call;
use super::session::{Failure, Session};
use super::stream::Stream;
use crate::storage::Result;

/// Ends when it is told to, after an error, or when it is dropped; the resource is dropped in the component each time, which
/// for a writer means abort.
///
/// Not every language runs a destructor then (Python's tool runs none), so what a layer has opened below for the transfer may
/// stay open. An instance that holds more after a transfer that broke off is not used again: everything it holds goes with it.
pub(super) struct Transfer {
    pub(super) call: Call,
    pub(super) open: Option<(Session, ResourceAny)>,
    /// What the component has handed over of the resource.
    pub(super) stream: Option<Stream>,
    /// What the instance held of the host's resources before it was asked for this one.
    resources_before: usize,
}

impl Transfer {
    /// With what the instance held before, see [`Session::resources`].
    pub(super) fn new(call: Call, session: Session, resource: ResourceAny, resources_before: usize) -> Self {
        Self { call, open: Some((session, resource)), stream: None, resources_before }
    }

    /// The instance and the resource, for a call; see [`step!`].
    pub(super) fn open(&mut self) -> Result<(&mut Session, ResourceAny)> {
        match &mut self.open {
            Some((session, resource)) => Ok((session, *resource)),
            None => Err(self.call.over()),
        }
    }

    /// What came of a call. After an error the transfer is over.
    pub(super) async fn settle<T>(&mut self, answer: std::result::Result<T, Failure>) -> Result<T> {
        match answer {
            Ok(value) => Ok(value),
            Err(Failure::Said(error)) => {
                self.break_off().await;
                Err(self.call.said(error))
            }
            Err(Failure::Host(error)) => {
                self.open = None;
                Err(error)
            }
        }
    }

    /// Ends the instance as it is, so that the component can't clean up.
    pub(super) fn lose(&mut self) {
        if let Some((session, _)) = self.open.take() {
            session.lose();
        }
    }

    /// Ends it when everything was read or written: drops the resource, waits until that is done, and gives the instance back.
    pub(super) async fn end(&mut self) {
        if let Some((session, resource)) = self.open.take() {
            let resources_max = session.resources_max();
            session.release(&self.call, resource, self.stream.take(), resources_max).await;
        }
    }

    /// Ends it before that, in the same way.
    pub(super) async fn break_off(&mut self) {
        if let Some((session, resource)) = self.open.take() {
            session.release(&self.call, resource, self.stream.take(), self.resources_before).await;
        }
    }
}

/// One call of a transfer's resource: `step!(transfer, |store, exports, resource| future)`.
macro_rules! step {
    ($transfer:expr, |$store:ident, $exports:ident, $resource:ident| $future:expr) => {{
        let call = $transfer.call.clone();
        let (session, $resource) = $transfer.open()?;
        let answer = $crate::plugin::storage::session::call!(session, &call, |$store, $exports| $future);
        $transfer.settle(answer).await
    }};
}
pub(super) use step;

impl Drop for Transfer {
    /// The component is told in a task of its own, so that it can clean up; without a runtime the instance just goes.
    fn drop(&mut self) {
        if let (Some((session, resource)), Ok(runtime)) = (self.open.take(), tokio::runtime::Handle::try_current()) {
            let (call, stream, before) = (self.call.clone(), self.stream.take(), self.resources_before);
            runtime.spawn(async move { session.release(&call, resource, stream, before).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::storage::StorageKey;

    /// Giving went round for ever, and never let another task have the thread.
    #[tokio::test]
    async fn what_is_given_to_a_transfer_that_is_over_is_refused() {
        let call = Call::new("p", "write", &StorageKey::parse("a").unwrap());
        let mut over = Transfer { call, open: None, stream: None, resources_before: 0 };
        let refused = [
            over.give(Bytes::from_static(b"bytes")).await.unwrap_err(),
            over.flush().await.unwrap_err(),
            over.take(1).await.unwrap_err(),
        ];
        for error in refused {
            assert!(error.to_string().contains("used after it had failed"), "{error}");
        }
    }
}
