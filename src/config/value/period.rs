use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time as Go writes it: `300s`, `2h10m`, `1.5h`, `10ms`. A plain integer is a number of **nanoseconds**, as in
/// `distribution`.
///
/// Units: `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`. Up to about 292 years. A negative length can be written, because Go can,
/// and [`get`](Self::get) counts it as none at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    nanos: i64,
}

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// Longest unit first, as they are shown.
const UNITS: [(&str, i64); 8] = [
    ("h", 3600 * NANOS_PER_SEC),
    ("m", 60 * NANOS_PER_SEC),
    ("s", NANOS_PER_SEC),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("µs", 1_000),
    ("μs", 1_000),
];

impl Period {
    /// No time.
    pub const ZERO: Self = Self { nanos: 0 };

    /// So many milliseconds.
    pub const fn millis(count: u32) -> Self {
        Self { nanos: count as i64 * 1_000_000 }
    }

    /// So many seconds.
    pub const fn secs(count: u32) -> Self {
        Self { nanos: count as i64 * NANOS_PER_SEC }
    }

    /// So many hours; up to two million.
    pub const fn hours(count: u16) -> Self {
        Self { nanos: count as i64 * 3600 * NANOS_PER_SEC }
    }

    /// So many nanoseconds.
    pub const fn nanos(count: i64) -> Self {
        Self { nanos: count }
    }

    /// The length; zero when it is negative.
    pub fn get(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos).unwrap_or(0))
    }

    /// Whether it is zero or less.
    pub fn is_zero(self) -> bool {
        self.nanos <= 0
    }

    /// Whether it is less than zero.
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "{text:?} is not a length of time; write numbers with units such as \"300s\", \"2h10m\" or \"10ms\""
            )
        };
        if let Ok(nanos) = text.parse::<i64>() {
            return Ok(Self { nanos });
        }
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest.is_empty() {
            return Err(refuse());
        }
        let mut nanos: i128 = 0;
        while !rest.is_empty() {
            let (part, after) = part(rest).ok_or_else(refuse)?;
            nanos = nanos.checked_add(part).ok_or_else(refuse)?;
            rest = after;
        }
        let nanos = i64::try_from(if negative { -nanos } else { nanos })
            .map_err(|_| format!("{text:?} is longer than a length of time can be (292 years)"))?;
        Ok(Self { nanos })
    }
}

/// Reads one number with its unit from the front: its nanoseconds and what follows.
fn part(text: &str) -> Option<(i128, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    if whole.len() + fraction.len() == 0 || whole.len() > 20 {
        return None;
    }
    // Beyond eighteen places there is nothing left even of an hour.
    let fraction = &fraction[..fraction.len().min(18)];
    let unit_length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_length);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let factor = i128::from(*factor);
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part_of: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let places = u32::try_from(fraction.len()).ok()?;
    Some((whole * factor + part_of * factor / 10_i128.pow(places), rest))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0s");
        }
        if self.nanos < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.nanos.unsigned_abs();
        for (unit, factor) in UNITS.iter().take(6) {
            let factor = factor.unsigned_abs();
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Nanos(i64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Nanos(nanos) => Ok(Self { nanos }),
            Written::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "format": "period" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("300s", 300 * NANOS_PER_SEC),
            ("2h10m", 7800 * NANOS_PER_SEC),
            ("10ms", 10_000_000),
            ("1.5h", 5400 * NANOS_PER_SEC),
            (".5s", 500_000_000),
            ("1m30.25s", 90_250_000_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("-1s", -NANOS_PER_SEC),
            ("+1s", NANOS_PER_SEC),
            ("1000000000", NANOS_PER_SEC),
        ] {
            assert_eq!(text.parse::<Period>(), Ok(Period { nanos }), "{text}");
        }
        for text in ["", "-", "s", "1d", "1 s", "1h 2m", "3000000h", "1..5s", "."] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_negative_length_counts_as_none() {
        assert_eq!(Period::nanos(-5).get(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos: i64) {
            let period = Period { nanos };
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }

        #[test]
        fn no_text_ends_the_process(text in "[-+.0-9hmsnuµ]*|.*") {
            let _ = text.parse::<Period>();
        }
    }
}
