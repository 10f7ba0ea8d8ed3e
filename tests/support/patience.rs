//! Waiting for what must come about, and never for ever: a test that hangs costs the whole run its time, and tells nothing.
#![allow(dead_code, reason = "each test binary uses another part of this module")]

use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a thing may take to come about, also where five others are going on.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks: at first and at the most. What comes soon is seen soon, and what does not costs little to wait for.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// How long a program may run that ends by itself. The longest build an example, by compilers that a busy machine shares.
const RUN_TIME_MAX: Duration = Duration::from_secs(300);

/// Waits until something holds, and fails with `problem` when it does not within a minute.
#[track_caller]
pub fn wait_until(mut holds: impl FnMut() -> bool, problem: impl Fn() -> String) {
    wait_for(|| holds().then_some(()), problem);
}

/// The first thing that `attempt` gives, made again and again; fails with `problem` when it gives none within a minute.
#[track_caller]
pub fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>, problem: impl Fn() -> String) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        let waited = begin.elapsed();
        assert!(waited < PATIENCE, "waited for {} s: {}", PATIENCE.as_secs(), problem());
        std::thread::sleep((waited / 16).clamp(PAUSES.0, PAUSES.1));
    }
}

/// Waits until a program that was started is ready; fails with `problem` also when it has ended instead.
#[track_caller]
pub fn wait_for_start(child: &mut Child, mut is_ready: impl FnMut() -> bool, problem: impl Fn() -> String) {
    let ready_or_alive = || {
        let is_ready = is_ready();
        let ended = child.try_wait().expect("a child can be waited for").filter(|_| !is_ready);
        assert!(ended.is_none(), "it ended with {ended:?}: {}", problem());
        is_ready
    };
    wait_until(ready_or_alive, &problem);
}

/// Runs a program to its end, whatever comes of it, and gives what it printed. One that does not end is killed.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = piped.spawn().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
    let pid = rustix::process::Pid::from_child(&child);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match ended.recv_timeout(RUN_TIME_MAX) {
        Ok(output) => output.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        Err(_) => {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            // What it has started itself may live on and hold the pipes.
            let printed = ended.recv_timeout(Duration::from_secs(1));
            panic!("{command:?} does not end within {} s: {printed:?}", RUN_TIME_MAX.as_secs());
        }
    }
}

/// Sets a flag when it goes, so that threads that work until then end also when the test that waits for them has failed.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
