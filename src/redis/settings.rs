//! What the configuration means, defaults filled in.

use std::time::Duration;

use crate::config::Period;
use crate::config::redis::Redis as Config;

/// Times and numbers of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// To connect and to be let in.
    pub(super) connect_time_max: Duration,
    /// For one command.
    pub(super) patience: Duration,
    /// For a command's turn.
    pub(super) turn_patience: Duration,
    /// Commands under way at once.
    pub(super) commands_max: usize,
    /// Pauses before Redis is tried again.
    pub(super) pause_min: Duration,
    pub(super) pause_max: Duration,
    /// When a connection is made anew; `None` is never.
    pub(super) idle_max: Option<Duration>,
    pub(super) age_max: Option<Duration>,
}

/// A cache that takes longer than this is not worth asking.
const PATIENCE_MAX: Duration = Duration::from_secs(1);
const COMMANDS_DEFAULT: usize = 1024;
const COMMANDS_MAX: usize = 1 << 16;

impl Settings {
    pub(super) fn from_config(config: &Config) -> Self {
        let period = |period: Period, default: Duration| if period.is_zero() { default } else { period.get() };
        let readtimeout = if config.readtimeout.is_zero() { config.writetimeout } else { config.readtimeout };
        let patience = period(readtimeout, Duration::from_millis(250)).min(PATIENCE_MAX);
        let numbers = [config.poolsize, config.maxactiveconns];
        let commands_max = numbers.into_iter().filter_map(|number| usize::try_from(number).ok()).filter(|max| *max > 0);
        let pause_min = period(config.minretrybackoff, Duration::from_millis(250));
        Self {
            connect_time_max: period(config.dialtimeout, Duration::from_secs(5)),
            patience,
            turn_patience: period(config.pooltimeout, patience).min(patience),
            commands_max: commands_max.min().unwrap_or(COMMANDS_DEFAULT).min(COMMANDS_MAX),
            pause_min,
            pause_max: period(config.maxretrybackoff, Duration::from_secs(15)).max(pause_min),
            idle_max: (!config.connmaxidletime.is_zero()).then(|| config.connmaxidletime.get()),
            age_max: (!config.connmaxlifetime.is_zero()).then(|| config.connmaxlifetime.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_default_and_no_request_waits_long() {
        let settings = Settings::from_config(&Config::default());
        assert_eq!(settings.patience, Duration::from_millis(250));
        assert_eq!(settings.commands_max, COMMANDS_DEFAULT);
        assert_eq!((settings.idle_max, settings.age_max), (None, None));
        let settings = Settings::from_config(&Config {
            readtimeout: Period::secs(60),
            poolsize: 64,
            maxactiveconns: 10,
            connmaxidletime: Period::secs(300),
            minretrybackoff: Period::secs(20),
            ..Config::default()
        });
        assert_eq!(settings.patience, PATIENCE_MAX);
        assert_eq!(settings.commands_max, 10);
        assert_eq!(settings.idle_max, Some(Duration::from_secs(300)));
        assert_eq!(settings.pause_max, Duration::from_secs(20));
        let settings = Settings::from_config(&Config { writetimeout: Period::millis(10), ..Config::default() });
        assert_eq!(settings.patience, Duration::from_millis(10));
    }
}
