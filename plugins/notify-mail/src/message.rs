//! A mail: headers (RFC 5322), MIME (RFC 2045), words that are not ASCII (RFC 2047).
//!
//! What comes from events may hold anything. It reaches a header only through [`header_text`], which has no way to a second line,
//! and the body only through [`quoted_printable`], whose lines never end but by us.

use crate::report::Report;
use crate::settings::Settings;
use crate::storm::Digest;
use std::fmt::Write;

/// The most events of one mail that are told in full.
const REPORTS_MAX: usize = 100;

/// A mail as it goes over the wire, lines ended by CR LF, before dot-stuffing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    pub(crate) text: String,
}

impl Mail {
    /// The mail about these events. `unique` makes its `Message-ID`.
    pub(crate) fn new(settings: &Settings, digest: &Digest<'_>, now_ms: u64, unique: &str) -> Self {
        let domain = settings.from.rsplit('@').next().unwrap_or_default();
        let headers = [
            ("Date", date(now_ms)),
            ("From", settings.from.clone()),
            ("To", settings.to.join(",\r\n ")),
            ("Message-ID", format!("<{unique}@{domain}>")),
            ("Subject", header_text(&subject(&digest.reports))),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Transfer-Encoding", "quoted-printable".to_owned()),
            // Nobody's holiday notice should answer this.
            ("Auto-Submitted", "auto-generated".to_owned()),
        ];
        let mut text = String::new();
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        text.push_str(&quoted_printable(&body(&digest.reports)));
        Self { text }
    }
}

fn subject(reports: &[&Report]) -> String {
    let Some(first) = reports.first() else { return String::new() };
    let headline: String = first.headline.chars().take(120).collect();
    let more = match reports.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!("[{}] {}: {headline}{more}", first.kind, first.source)
}

fn body(reports: &[&Report]) -> String {
    let mut text = String::new();
    if reports.len() > 1 {
        let _ = writeln!(text, "{} events since {}:\n", reports.len(), date(reports[0].timestamp_ms));
    }
    let mut told: Vec<(&Report, usize)> = Vec::new();
    for report in reports {
        // Of a thousand times the same, the first is told and the others are counted.
        let same = |other: &&mut (&Report, usize)| other.0.kind == report.kind && other.0.headline == report.headline;
        match told.iter_mut().find(same) {
            Some((_, times)) => *times += 1,
            None => told.push((report, 1)),
        }
    }
    for (report, times) in told.iter().take(REPORTS_MAX) {
        let again = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        let _ = writeln!(
            text,
            "{}  {}  [{}] {}{again}",
            date(report.timestamp_ms),
            report.source,
            report.kind,
            report.headline
        );
        for detail in &report.details {
            let _ = writeln!(text, "    {}", detail.replace('\n', "\n    "));
        }
        text.push('\n');
    }
    if told.len() > REPORTS_MAX {
        let _ = writeln!(
            text,
            "{} kinds of events more are left out; they are in the server's log.",
            told.len() - REPORTS_MAX
        );
    }
    text
}

/// A point in time as RFC 5322 writes it, in UTC.
pub(crate) fn date(timestamp_ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // The year 9999 is the last that the format can hold.
    let seconds = (timestamp_ms / 1000).min(253_402_300_799);
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut rest) = (1970, days);
    while rest >= days_of(year) {
        rest -= days_of(year);
        year += 1;
    }
    let mut month = 0;
    for days in [31, days_of(year) - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < days {
            break;
        }
        rest -= days;
        month += 1;
    }
    let day_name = DAYS[(days % 7) as usize];
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{day_name}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} +0000", rest + 1, MONTHS[month])
}

fn days_of(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if is_leap { 366 } else { 365 }
}

/// Text of any kind as a header's value: printable ASCII as it is, anything else as encoded words; folded, never a line too many.
fn header_text(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic();
    if text.chars().all(plain) && text.len() <= 60 && !text.contains("=?") {
        return text.trim().to_owned();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for character in text.chars() {
        // A line of a header may have 78 bytes, of which `Subject: ` and the frame of an encoded word take 21.
        let character = if character.is_control() { ' ' } else { character };
        let encoded = encoded_word_character(character);
        if word.len() + encoded.len() > 54 {
            words.push(std::mem::take(&mut word));
        }
        word.push_str(&encoded);
    }
    words.push(word);
    words.iter().map(|word| format!("=?utf-8?q?{word}?=")).collect::<Vec<_>>().join("\r\n ")
}

fn encoded_word_character(character: char) -> String {
    match character {
        ' ' => "_".to_owned(),
        plain if plain.is_ascii_alphanumeric() => plain.to_string(),
        other => escaped(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("={byte:02X}")).collect()
}

/// A body in lines of at most 76 bytes, pure ASCII, ended by CR LF.
fn quoted_printable(text: &str) -> String {
    let mut encoded = String::new();
    for line in text.lines() {
        let mut length = 0;
        let last = line.chars().count().saturating_sub(1);
        for (at, character) in line.chars().enumerate() {
            let is_plain =
                (character.is_ascii_graphic() && character != '=') || (matches!(character, ' ' | '\t') && at < last);
            let piece =
                if is_plain { character.to_string() } else { escaped(character.encode_utf8(&mut [0; 4]).as_bytes()) };
            if length + piece.len() > 75 {
                encoded.push_str("=\r\n");
                length = 0;
            }
            length += piece.len();
            encoded.push_str(&piece);
        }
        encoded.push_str("\r\n");
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::with;

    fn report(kind: &'static str, headline: &str) -> Report {
        Report {
            id: "1".to_owned(),
            timestamp_ms: 951_782_400_000,
            source: "registry:5000".to_owned(),
            kind,
            headline: headline.to_owned(),
            details: vec!["stack: one\ntwo".to_owned(), ".".to_owned()],
            urgent: false,
        }
    }

    fn mail(reports: &[Report]) -> String {
        let digest = Digest { reports: reports.iter().collect() };
        Mail::new(&with(&[("to", "a@example.com, b@example.com")]), &digest, 1_795_338_975_000, "abc").text
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_795_338_975_000), "Sun, 22 Nov 2026 09:16:15 +0000");
        assert_eq!(date(4_102_444_799_000), "Thu, 31 Dec 2099 23:59:59 +0000");
        assert_eq!(date(u64::MAX), "Fri, 31 Dec 9999 23:59:59 +0000");
    }

    #[test]
    fn a_mail_has_the_headers_that_mails_have() {
        let text = mail(&[report("panic", "index out of bounds")]);
        let (headers, body) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "Date: Sun, 22 Nov 2026 09:16:15 +0000",
            "From: registry@example.com",
            "To: a@example.com,\r\n b@example.com",
            "Message-ID: <abc@example.com>",
            "Subject: [panic] registry:5000: index out of bounds",
            "MIME-Version: 1.0",
        ] {
            assert!(headers.contains(line), "{line} in {headers}");
        }
        assert!(body.contains("    stack: one\r\n    two\r\n"), "{body}");
    }

    #[test]
    fn nothing_that_an_event_says_becomes_a_header() {
        let hostile = "x\r\nBcc: evil@example.com\r\n\r\nbody\u{2028}ä =?utf-8?q?y?=";
        let text = mail(&[report("panic", hostile)]);
        let headers = text.split_once("\r\n\r\n").unwrap().0;
        assert!(!headers.contains("Bcc:") && !headers.contains("evil@"), "{headers}");
        let names: Vec<&str> = headers.split("\r\n").filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(names.len(), 9, "{headers}");
        assert!(text.split("\r\n").all(|line| line.len() <= 78 && line.is_ascii() && !line.contains(['\r', '\n'])));
    }

    #[test]
    fn a_storm_is_counted() {
        let mut reports = vec![report("panic", "a"); 500];
        reports.push(report("panic", "b"));
        let text = mail(&reports);
        assert!(text.contains("(and 500 more)") || text.contains("=28and_500_more=29"), "{text}");
        assert!(text.contains("(500 times)") && text.len() < 4000, "{text}");
    }

    #[test]
    fn long_lines_are_broken_and_spaces_at_their_ends_kept() {
        assert_eq!(quoted_printable("a =\u{e4} "), "a =3D=C3=A4=20\r\n");
        let long = quoted_printable(&"x".repeat(200));
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
        assert_eq!(long.replace("=\r\n", "").trim_end().len(), 200);
    }
}
