//! Waiting for what must come about, and never for ever: a test that hangs costs the whole run its time, and tells nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a thing may take to come about, also where five others are going on.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until something holds, and fails with `problem` when it does not within a minute.
#[track_caller]
pub fn wait_until(mut holds: impl FnMut() -> bool, problem: impl Fn() -> String) {
    wait_for(|| holds().then_some(()), problem);
}

/// The first thing that `attempt` gives, made again and again; fails with `problem` when it gives none within a minute.
#[track_caller]
pub fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>, problem: impl Fn() -> String) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for {} s: {}", PATIENCE.as_secs(), problem());
        std::thread::sleep(PAUSE);
    }
}

/// Sets a flag when it goes, so that threads that work until then end also when the test that waits for them has failed.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
