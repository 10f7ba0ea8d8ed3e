//! Where log lines leave the process: a bounded buffer and one thread that writes it in batches.
//!
//! A request never waits for standard output. If whoever reads it stops reading, lines are dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How much may wait to be written; about 30,000 access lines.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// What a buffer may keep for the next batch; a burst's memory is given back.
const KEPT_BYTES_MAX: usize = 256 << 10;
/// How long the writer collects lines before it writes. Under load this makes one wake-up and one system call out of
/// hundreds; nobody reads a log faster.
const BATCH: Duration = Duration::from_millis(5);
/// How long an orderly shutdown waits for a reader that does not read.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// A pause when the output is full and set to not blocking.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// A handle on the writer; clones write to the same place.
#[derive(Clone)]
pub struct Sink(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    finished: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The writer sleeps until somebody wakes it.
    asleep: bool,
    closed: bool,
    finished: bool,
}

impl Sink {
    /// Starts the thread that writes to `output`. `name` names it for people who look at threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(name: &str, output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            finished: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let writer = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).stack_size(128 << 10).spawn(move || writer.run(output))?;
        Ok(Self(shared))
    }

    /// Adds a line; `line` ends with the line break. When too much is waiting already, the line is dropped and counted.
    pub fn line(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.closed || state.waiting.len() + line.len() > WAITING_BYTES_MAX {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.waiting.extend_from_slice(line);
        if std::mem::take(&mut state.asleep) {
            drop(state);
            self.0.wake.notify_one();
        }
    }

    /// How many lines were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Writes everything that waits, and ends the thread; 2 s at most, if nobody reads. Later lines are dropped.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        self.0.wake.notify_one();
        drop(self.0.finished.wait_timeout_while(state, CLOSE_PATIENCE, |state| !state.finished));
    }
}

impl Shared {
    /// A line is added in one step, so a thread that panicked elsewhere with the lock has broken nothing.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        while self.next_batch(&mut batch) {
            write_all(&mut output, &batch);
            batch.clear();
            batch.shrink_to(KEPT_BYTES_MAX);
        }
        self.lock().finished = true;
        self.finished.notify_all();
    }

    /// Waits for lines, lets some more come together, and takes them all. `false` when there will be no more.
    fn next_batch(&self, batch: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.asleep = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // Nobody notifies now (`asleep` is false) but `close`, which must not be kept waiting.
        let collected = self.wake.wait_timeout_while(state, BATCH, |state| !state.closed);
        let (mut state, _) = collected.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, batch);
        true
    }
}

/// Writes everything unless the output is gone, in which case there is nobody to tell.
fn write_all(output: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return,
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(FULL_PAUSE),
            Err(_) => return,
        }
    }
    let _ = output.flush();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Hands over what is written; blocks while nobody takes it.
    struct Pipe(mpsc::SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn closing_writes_every_line_in_order() {
        let (sender, receiver) = mpsc::sync_channel(100_000);
        let sink = Sink::start("test", Pipe(sender)).unwrap();
        for n in 0..1000 {
            sink.line(format!("{n}\n").as_bytes());
        }
        sink.close();
        let written: Vec<u8> = receiver.try_iter().flatten().collect();
        let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        assert_eq!(sink.dropped(), 0);
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_no_waiting() {
        let (sender, receiver) = mpsc::sync_channel(0);
        let sink = Sink::start("test", Pipe(sender)).unwrap();
        let line = [b'x'; 1024];
        // At most: one buffer in the writer's hands, one waiting.
        for _ in 0..3 * WAITING_BYTES_MAX / line.len() {
            sink.line(&line);
        }
        assert!(sink.dropped() > 0);
        drop(receiver);
        sink.close();
    }
}
