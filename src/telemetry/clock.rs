//! Times as logs write them. The text of a second is made once per thread and second.

use std::cell::RefCell;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The time zone of this machine. Its file is read directly unless `TZ` says otherwise: finding out the zone's *name*, which
/// no log shows, would make the start walk through the whole time zone database.
static LOCAL: LazyLock<TimeZone> = LazyLock::new(|| {
    if std::env::var_os("TZ").is_some() {
        return TimeZone::system();
    }
    let file = std::fs::read("/etc/localtime").ok();
    file.and_then(|file| TimeZone::tzif("local", &file).ok()).unwrap_or(TimeZone::UTC)
});

thread_local! {
    static SECOND: RefCell<Second> = const {
        RefCell::new(Second { second: i64::MIN, rfc3339: String::new(), offset: String::new(), common: String::new() })
    };
}

/// One second, written out.
struct Second {
    second: i64,
    /// `2006-01-02T15:04:05`
    rfc3339: String,
    /// `Z` or `+02:00`
    offset: String,
    /// `02/Jan/2006:15:04:05 -0700`
    common: String,
}

impl Second {
    fn of(&mut self, now: Timestamp) -> &Self {
        if self.second != now.as_second() {
            let zoned = now.to_zoned(LOCAL.clone());
            self.second = now.as_second();
            self.rfc3339 = zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.offset =
                if zoned.offset().seconds() == 0 { "Z".to_owned() } else { zoned.strftime("%:z").to_string() };
            self.common = zoned.strftime("%d/%b/%Y:%H:%M:%S %z").to_string();
        }
        self
    }
}

/// Adds `2006-01-02T15:04:05.000000000Z`, in local time.
pub(super) fn rfc3339(now: Timestamp, out: &mut Vec<u8>) {
    SECOND.with_borrow_mut(|second| {
        let second = second.of(now);
        out.extend_from_slice(second.rfc3339.as_bytes());
        out.push(b'.');
        let mut nanos = now.subsec_nanosecond().unsigned_abs();
        let mut digits = [b'0'; 9];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(nanos % 10).unwrap_or(0);
            nanos /= 10;
        }
        out.extend_from_slice(&digits);
        out.extend_from_slice(second.offset.as_bytes());
    });
}

/// Adds `02/Jan/2006:15:04:05 -0700`, the time of the common log format.
pub(super) fn common(now: Timestamp, out: &mut Vec<u8>) {
    SECOND.with_borrow_mut(|second| out.extend_from_slice(second.of(now).common.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_moment() {
        let now: Timestamp = "2026-01-02T03:04:05.000000678Z".parse().unwrap();
        let mut out = Vec::new();
        rfc3339(now, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.parse::<Timestamp>().unwrap(), now);

        let mut out = Vec::new();
        common(now, &mut out);
        let text = String::from_utf8(out).unwrap();
        let parsed = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", &text).unwrap().to_timestamp().unwrap();
        assert_eq!(parsed.as_second(), now.as_second());
    }
}
