//! The clock by which a guest that computes for long lets others have the thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How long a guest may compute before it yields. A guest that never ends takes such slices, and others run in between.
const TICK: Duration = Duration::from_millis(5);

/// Ticks without a running guest after which the clock stops.
const IDLE_TICKS: u32 = 200;

/// Advances the engine's epoch while guests run, and sleeps while none does.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
}

/// As long as one of these lives, the clock ticks.
pub struct Running<'a>(&'a Ticker);

impl Ticker {
    pub(super) fn start(engine: &Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared { running: AtomicUsize::new(0), parked: AtomicBool::new(false) });
        let (engine, seen) = (engine.weak(), Arc::clone(&shared));
        let handle = thread::Builder::new().name("wharf-epochs".to_owned()).spawn(move || tick(&engine, &seen))?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    pub(super) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        // Seen false, the thread has yet to look at `running` once more before it parks.
        if self.shared.parked.load(SeqCst) {
            self.thread.unpark();
        }
        Running(self)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}

/// Ends with the engine.
fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle = 0;
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        thread::sleep(TICK);
        idle = if shared.running.load(SeqCst) == 0 { idle + 1 } else { 0 };
        if idle >= IDLE_TICKS {
            shared.parked.store(true, SeqCst);
            if shared.running.load(SeqCst) == 0 {
                // The engine may go while this sleeps; then there is nothing to do any more but to look once in a while.
                thread::park_timeout(Duration::from_secs(60));
            }
            shared.parked.store(false, SeqCst);
            idle = 0;
        }
    }
}
