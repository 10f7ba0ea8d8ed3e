//! What a single value means at the place where it stands.
//!
//! A plain scalar follows YAML 1.1: `yes`, `on` and `y` are true, `010` is eight, `1_000` is a thousand. A text says what it is
//! by itself, but one that reads as a number or a boolean is taken as one where a number or a boolean is wanted, as the
//! drivers of `distribution` do.

use serde_json::Value as Json;

/// `true`, `false`, or neither.
pub(in crate::config) fn boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "t" | "T" | "1" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "f" | "F" | "0" => Some(false),
        _ => yaml_boolean(text),
    }
}

fn yaml_boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, `0x…`, `0o…`, `0b…`, and (when plain) `0…` as octal; `_` between digits is skipped; a fraction of
/// zero (`1e3`, `5.0`) is none.
pub(in crate::config) fn integer(text: &str, plain: bool) -> Option<i64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let (negative, digits) = match digits.strip_prefix(['-', '+']) {
        Some(rest) => (digits.starts_with('-'), rest),
        None => (false, digits.as_str()),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let radix = |prefixes: [&str; 2], radix| {
        let digits = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
        // A second sign would be read, too.
        digits.starts_with(|c: char| c.is_ascii_hexdigit()).then(|| i128::from_str_radix(digits, radix).ok())?
    };
    let octal = || {
        let octal = plain && digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        octal.then(|| i128::from_str_radix(digits, 8).ok()).flatten()
    };
    let number = radix(["0x", "0X"], 16)
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(|| radix(["0b", "0B"], 2))
        .or_else(octal)
        .or_else(|| digits.parse().ok())
        .or_else(|| whole(digits))?;
    i64::try_from(if negative { -number } else { number }).ok()
}

/// A number written with a fraction or an exponent that is whole all the same.
fn whole(digits: &str) -> Option<i128> {
    let number: f64 = digits.parse().ok()?;
    // Beyond 2^53 a float no longer knows its last digit.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i128)
}

/// What a plain scalar is where anything may stand.
pub(in crate::config) fn anything(text: &str) -> Json {
    // One digit or a lone `t` is a boolean only where one is wanted.
    let is_word = !matches!(text, "0" | "1" | "t" | "T" | "f" | "F");
    if let Some(yes) = boolean(text).filter(|_| is_word) {
        return Json::Bool(yes);
    }
    if let Some(number) = integer(text, true).filter(|_| !text.contains(['.', 'e', 'E']) || text.contains(['x', 'X'])) {
        return Json::from(number);
    }
    let starts_as_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
    match text.parse::<f64>() {
        Ok(number) if starts_as_number && number.is_finite() => Json::from(number),
        _ => Json::from(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_of_yaml_1_1() {
        for text in ["yes", "Yes", "on", "ON", "y", "true", "TRUE", "1"] {
            assert_eq!(boolean(text), Some(true), "{text}");
        }
        for text in ["no", "NO", "off", "n", "false", "False", "0"] {
            assert_eq!(boolean(text), Some(false), "{text}");
        }
        for text in ["", "maybe", "tRuE", "2", "yess"] {
            assert_eq!(boolean(text), None, "{text}");
        }
    }

    #[test]
    fn integers_of_yaml_1_1() {
        for (text, number) in [
            ("0", 0),
            ("8", 8),
            ("010", 8),
            ("0o10", 8),
            ("0x1F", 31),
            ("0b101", 5),
            ("1_000", 1000),
            ("-5", -5),
            ("+5", 5),
            ("1e3", 1000),
            ("5.0", 5),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(integer(text, true), Some(number), "{text}");
        }
        assert_eq!(integer("010", false), Some(10), "a text is decimal");
        for text in ["", "five", "5.5", "0x", "0x-1", "--5", "inf", "nan", "9223372036854775808", "1e30"] {
            assert_eq!(integer(text, true), None, "{text}");
        }
    }

    #[test]
    fn anything_becomes_what_yaml_1_1_makes_of_it() {
        assert_eq!(anything("on"), json!(true));
        assert_eq!(anything("12"), json!(12));
        assert_eq!(anything("1"), json!(1));
        assert_eq!(anything("t"), json!("t"));
        assert_eq!(anything("1.5"), json!(1.5));
        assert_eq!(anything("infinity"), json!("infinity"));
        assert_eq!(anything("registry"), json!("registry"));
    }

    proptest! {
        #[test]
        fn no_text_ends_the_process(text in "[-+_.0-9a-fxobeE]*|.*", plain: bool) {
            let _ = (boolean(&text), integer(&text, plain), anything(&text));
        }

        #[test]
        fn every_decimal_number_is_itself(number: i64) {
            prop_assert_eq!(integer(&number.to_string(), true), Some(number));
        }
    }
}
