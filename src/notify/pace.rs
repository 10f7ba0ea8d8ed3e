//! How long to wait after a failure.

use std::time::Duration;

/// Waits that double from failure to failure, each cut at random by up to a half, so that those who failed together do not
/// come back together. From `threshold` failures in a row on, the wait is `longest`, never less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait at all.
    pub longest: Duration,
    /// So many failures in a row make every further wait the longest.
    pub threshold: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(60), threshold: u32::MAX }
    }
}

impl Pace {
    /// The wait after so many failures in a row. `random` is from 0 to 1.
    pub(super) fn wait(&self, failures: u32, random: f64) -> Duration {
        if failures >= self.threshold {
            return self.longest.mul_f64(1.0 + random / 10.0);
        }
        let doublings = failures.saturating_sub(1).min(20);
        let longest = self.first.saturating_mul(1 << doublings).min(self.longest);
        longest.mul_f64(0.5 + random / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let pace = Pace { first: ms(50), longest: ms(1000), threshold: 10 };
        let waits: Vec<u64> = (1..10).map(|n| pace.wait(n, 1.0).as_millis().try_into().unwrap()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        assert_eq!(pace.wait(1, 0.0), ms(25));
        assert_eq!(pace.wait(10, 0.0), ms(1000));
        assert_eq!(pace.wait(u32::MAX, 1.0), ms(1100));
    }
}
