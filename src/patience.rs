//! Waiting in unit tests, and never for ever: a test that hangs costs the whole run its time, and tells nothing.

use std::time::Duration;

/// How long a thing may take to come about, also where five others are going on.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// What `work` gives, which must be there within a minute.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited for {} s", PATIENCE.as_secs()))
}

/// Waits until something holds, which must be within a minute.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    in_time(looking).await;
}
