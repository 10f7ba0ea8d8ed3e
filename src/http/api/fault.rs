//! A fault on purpose: how a panic in a handler is logged, answered and told to hooks can only be tested with one.
//!
//! There is none in a release build, and in a development build only where the environment asks for it.

/// The path at which a development build panics.
#[cfg(debug_assertions)]
const PANIC_AT: &str = "WHARF_TEST_PANIC_AT";

#[cfg(debug_assertions)]
#[allow(clippy::panic, reason = "that is what it is for")]
pub(super) fn panic_if_told(path: &str) {
    static PATH: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    if PATH.get_or_init(|| std::env::var(PANIC_AT).ok()).as_deref() == Some(path) {
        panic!("{PANIC_AT} names this path");
    }
}

#[cfg(not(debug_assertions))]
pub(super) fn panic_if_told(_: &str) {}
