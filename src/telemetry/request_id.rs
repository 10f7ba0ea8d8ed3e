//! The name of a request in logs.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one request: a UUID (version 4 in form), unique but not secret. It is never taken from the client, so that nobody can
/// write his own story into another request's log lines.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(uuid::Uuid);

/// 64 bits of the system's randomness, drawn once: two processes never count through the same sequence.
static SEED: LazyLock<[u64; 2]> = LazyLock::new(|| {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    [high, low]
});

static COUNTER: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// A new one. It costs no system call, which one UUID of fresh randomness per request would.
    #[allow(clippy::new_without_default, reason = "each one is different, which a default is not")]
    pub fn new() -> Self {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let high = scatter(SEED[0].wrapping_add(count));
        let low = scatter(SEED[1] ^ high);
        let bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Writes the 36 characters of the text form into `buffer`.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

/// The finalizer of SplitMix64: every bit of the output depends on every bit of the input.
fn scatter(input: u64) -> u64 {
    let mut z = input.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_uuids_and_differ() {
        let ids: HashSet<String> = (0..10_000).map(|_| RequestId::new().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids.iter().take(10) {
            assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 4);
        }
    }
}
