//! Which request the current task works for.

use std::future::poll_fn;
use std::pin::pin;

use tokio::task_local;

use super::RequestId;

task_local! {
    static CURRENT: RequestId;
}

/// Runs `work` (one poll of a request's future) so that every log record made in it carries the request's id. Work that is
/// handed to another task or thread leaves the scope.
pub fn in_request<T>(id: RequestId, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id, work)
}

/// The request that is being worked on, if one is.
pub fn current_request() -> Option<RequestId> {
    CURRENT.try_with(|id| *id).ok()
}

/// Carries the request of this moment into another task: every log record made in `work` has its id.
pub fn in_this_request<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let request = current_request();
    async move {
        let mut work = pin!(work);
        poll_fn(|context| match request {
            Some(id) => in_request(id, || work.as_mut().poll(context)),
            None => work.as_mut().poll(context),
        })
        .await
    }
}
