//! When a mail is sent, and what goes into it: a storm of events becomes one mail.
//!
//! The first event waits a moment for others to come along, and between two mails lies a least time. What waits is remembered
//! here and stays with the host as well, which is told to hand it over again; so nothing is lost with the instance, and what was
//! mailed before it came again is recognised by its id.

use crate::report::Report;
use crate::settings::Settings;
use std::collections::VecDeque;

/// How many events are remembered, waiting or mailed. Those beyond wait in the host's queue.
const EVENTS_MAX: usize = 2000;

/// After a failure the next try waits at least so long.
const FAILURE_WAIT_MS: u64 = 30_000;

/// What waits to be mailed.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    waiting: VecDeque<Report>,
    mailed: VecDeque<String>,
    /// No mail before this.
    quiet_until_ms: u64,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was mailed, or never will be.
    Over,
    /// It waits; ask again after so many milliseconds.
    Later(u32),
}

/// What one mail tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Digest<'a> {
    pub(crate) reports: Vec<&'a Report>,
}

impl Storm {
    /// Takes an event, unless it is known. One that waits may have become urgent.
    pub(crate) fn take(&mut self, report: Report) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.id == report.id) {
            waiting.urgent |= report.urgent;
            return;
        }
        if !self.mailed.contains(&report.id) && self.waiting.len() < EVENTS_MAX {
            self.waiting.push_back(report);
        }
    }

    /// What is to be mailed now, if anything is.
    pub(crate) fn due(&self, settings: &Settings, now_ms: u64) -> Option<Digest<'_>> {
        let may = !self.waiting.is_empty() && self.wait_ms(settings, now_ms) == 0;
        may.then(|| Digest { reports: self.waiting.iter().collect() })
    }

    /// How long until a mail may be sent.
    fn wait_ms(&self, settings: &Settings, now_ms: u64) -> u64 {
        if self.waiting.iter().any(|report| report.urgent) {
            return 0;
        }
        let gathered_ms = self.waiting.front().map_or(0, |first| first.timestamp_ms.saturating_add(settings.gather_ms));
        // A clock that was set back, or a server whose clock is ahead of ours, must not hold a mail back for ever.
        let longest_ms = settings.gather_ms.max(settings.interval_ms).max(FAILURE_WAIT_MS);
        gathered_ms.max(self.quiet_until_ms).saturating_sub(now_ms).min(longest_ms)
    }

    /// What waited has been mailed, or can't be.
    pub(crate) fn sent(&mut self, settings: &Settings, now_ms: u64) {
        self.mailed.extend(self.waiting.drain(..).map(|report| report.id));
        let surplus = self.mailed.len().saturating_sub(EVENTS_MAX);
        self.mailed.drain(..surplus);
        self.quiet_until_ms = now_ms.saturating_add(settings.interval_ms);
    }

    /// What waited goes on waiting.
    pub(crate) fn failed(&mut self, now_ms: u64) {
        self.quiet_until_ms = now_ms.saturating_add(FAILURE_WAIT_MS);
        for report in &mut self.waiting {
            report.urgent = false;
        }
    }

    /// What becomes of an event that was taken.
    pub(crate) fn fate(&self, id: &str, settings: &Settings, now_ms: u64) -> Fate {
        if self.mailed.iter().any(|mailed| mailed == id) {
            return Fate::Over;
        }
        let wait_ms = self.wait_ms(settings, now_ms).max(100);
        Fate::Later(u32::try_from(wait_ms).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::with;

    fn report(id: usize, timestamp_ms: u64) -> Report {
        Report {
            id: id.to_string(),
            timestamp_ms,
            source: String::new(),
            kind: "panic",
            headline: String::new(),
            details: Vec::new(),
            urgent: false,
        }
    }

    /// The server ends: what was to wait for others is mailed with them.
    #[test]
    fn the_last_call_ends_the_wait_of_what_waits_already() {
        let settings = with(&[]);
        let mut storm = Storm::default();
        storm.take(report(1, 1_000));
        storm.take(report(2, 1_000));
        assert!(storm.due(&settings, 1_000).is_none());
        storm.take(Report { urgent: true, ..report(1, 1_000) });
        assert_eq!(storm.due(&settings, 1_000).map(|digest| digest.reports.len()), Some(2));
    }

    #[test]
    fn a_storm_becomes_one_mail() {
        let settings = with(&[("gather-seconds", "2"), ("interval-seconds", "60")]);
        let mut storm = Storm::default();
        storm.take(report(0, 1000));
        assert_eq!(storm.due(&settings, 1000), None);
        assert_eq!(storm.fate("0", &settings, 1000), Fate::Later(2000));
        for id in 1..1000 {
            storm.take(report(id, 1500));
        }
        storm.take(report(0, 1000));
        assert_eq!(storm.due(&settings, 3000).map(|digest| digest.reports.len()), Some(1000));
        storm.sent(&settings, 3000);
        // The host hands over again what it was told to keep.
        storm.take(report(7, 1500));
        assert_eq!(storm.due(&settings, 3100), None);
        assert_eq!(storm.fate("7", &settings, 3100), Fate::Over);
        storm.take(report(1000, 3200));
        assert_eq!(storm.fate("1000", &settings, 3200), Fate::Later(59_800));
        assert!(storm.due(&settings, 63_000).is_some());
    }

    #[test]
    fn a_mail_that_was_not_taken_is_tried_again() {
        let settings = with(&[("gather-seconds", "0"), ("interval-seconds", "0")]);
        let mut storm = Storm::default();
        storm.take(report(0, 1000));
        assert!(storm.due(&settings, 1000).is_some());
        storm.failed(1000);
        assert_eq!(storm.fate("0", &settings, 1000), Fate::Later(30_000));
        assert!(storm.due(&settings, 31_000).is_some());
        storm.sent(&settings, 31_000);
        assert_eq!(storm.fate("0", &settings, 31_000), Fate::Over);
    }

    #[test]
    fn what_the_server_says_before_it_ends_does_not_wait() {
        let settings = with(&[]);
        let mut storm = Storm::default();
        storm.take(report(0, 1000));
        storm.take(Report { urgent: true, ..report(1, 1000) });
        assert_eq!(storm.due(&settings, 1000).map(|digest| digest.reports.len()), Some(2));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let settings = with(&[]);
        let mut storm = Storm::default();
        for id in 0..EVENTS_MAX + 10 {
            storm.take(report(id, 1000));
        }
        storm.sent(&settings, 5000);
        assert_eq!(storm.mailed.len(), EVENTS_MAX);
        // What did not fit waits with the host.
        assert!(matches!(storm.fate(&EVENTS_MAX.to_string(), &settings, 5000), Fate::Later(_)));
    }
}
