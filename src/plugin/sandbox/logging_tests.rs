use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn log(lines_per_second_max: u32, line_bytes_max: usize) -> Arc<GuestLog> {
    let metrics = Arc::new(PluginMetrics::new("test"));
    Arc::new(GuestLog::new("test", lines_per_second_max, line_bytes_max, metrics))
}

fn dropped(log: &GuestLog) -> u64 {
    log.budget.lock().unwrap().dropped
}

#[test]
fn a_flood_is_cut_to_its_rate_and_counted() {
    let log = log(10, 100);
    let begin = Instant::now();
    let passed = (0..10_000).filter(|_| log.admit(begin).is_some()).count();
    assert_eq!(passed, 10);
    assert_eq!(log.admit(begin + Duration::from_millis(150)), Some(9_990), "one line a tenth of a second later");
    assert_eq!(log.admit(begin + Duration::from_millis(160)), None);
    let later = begin + Duration::from_secs(3600);
    assert_eq!((0..100).filter(|_| log.admit(later).is_some()).count(), 10, "rest is not saved up");
}

#[test]
fn a_line_cannot_forge_another_one() {
    assert_eq!(clean("a\nlevel=error msg=\"b\"\r\u{1b}[31m\0", 100), "a\\nlevel=error msg=\"b\"\\r\\u{1b}[31m\\u{0}");
    assert_eq!(clean("\u{202e}evil\u{2028}", 100), "\\u{202e}evil\\u{2028}");
    assert_eq!(clean("plain ünïcode\ttext", 100), "plain ünïcode text");
}

#[test]
fn a_long_line_is_cut_between_characters() {
    assert_eq!(clean("äöü", 3), "ä… (4 bytes more)");
    assert_eq!(clean(&"x".repeat(1 << 20), 4).len(), "xxxx… (1048572 bytes more)".len());
}

#[test]
fn the_console_keeps_no_more_than_a_line() {
    let log = log(3, 8);
    let mut console = Console::error(Arc::clone(&log));
    for _ in 0..1000 {
        console.write(Bytes::from_static(&[b'x'; 4096])).unwrap();
    }
    assert_eq!(console.line.lock().unwrap().len(), 9);
    console.write(Bytes::from_static(b"\na\nb\nc\nd\n")).unwrap();
    assert!(console.line.lock().unwrap().is_empty());
    assert_eq!(dropped(&log), 2);
    console.write(Bytes::from_static(b"end")).unwrap();
    console.finish();
    assert_eq!(dropped(&log), 3);
}

proptest! {
    #[test]
    fn what_is_cleaned_is_one_line_of_bounded_length(text in "\\PC*|(?s).*", max in 0usize..64) {
        let cleaned = clean(&text, max);
        prop_assert!(!cleaned.chars().any(char::is_control), "{cleaned:?}");
        // Each byte becomes `\u{10ffff}` at worst, and the rest is told in a few words.
        prop_assert!(cleaned.len() <= max * 10 + 40);
    }
}
