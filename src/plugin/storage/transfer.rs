//! A reader or a writer of a component, with the instance that it keeps to itself.

use wasmtime::component::ResourceAny;

use super::errors::Call;
use super::session::{Failure, Session};
use crate::storage::{ErrorKind, Result};

/// Ends when it is told to, after an error, or when it is dropped; the resource is dropped in the component each time, which
/// for a writer means abort.
pub(super) struct Transfer {
    pub(super) call: Call,
    open: Option<(Session, ResourceAny)>,
}

impl Transfer {
    pub(super) fn new(call: Call, session: Session, resource: ResourceAny) -> Self {
        Self { call, open: Some((session, resource)) }
    }

    /// The instance and the resource, for a call; see [`step!`].
    pub(super) fn open(&mut self) -> Result<(&mut Session, ResourceAny)> {
        match &mut self.open {
            Some((session, resource)) => Ok((session, *resource)),
            None => Err(self.call.error(ErrorKind::Other, "it was used after it had failed")),
        }
    }

    /// What came of a call. After an error the transfer is over.
    pub(super) async fn settle<T>(&mut self, answer: std::result::Result<T, Failure>) -> Result<T> {
        match answer {
            Ok(value) => Ok(value),
            Err(Failure::Said(error)) => {
                self.end().await;
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

    /// Drops the resource, waits until that is done, and gives the instance back.
    pub(super) async fn end(&mut self) {
        if let Some((session, resource)) = self.open.take() {
            session.release(&self.call, resource).await;
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
            let call = self.call.clone();
            runtime.spawn(async move { session.release(&call, resource).await });
        }
    }
}
