//! Byte ranges: `Range` of a download (RFC 9110, section 14) and `Content-Range` of an upload's chunk.

/// Ranges that a client may ask for at once. Asking for more is answered with the whole.
const RANGES_MAX: usize = 64;

/// One range of existing bytes, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Span {
    pub(super) fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a `Range` header means for content of a given size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No usable range: everything.
    Whole,
    /// These, in the order asked for; at least one.
    Parts(Vec<Span>),
    /// Ranges, none of which has a byte: 416.
    Unsatisfiable,
}

/// Reads a `Range` header. What is not understood is ignored, as the standard says.
pub(super) fn parse(header: &str, size: u64) -> Wanted {
    let Some((unit, set)) = header.split_once('=') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let mut spans = Vec::new();
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        match parse_spec(spec, size) {
            Some(span) => spans.extend(span),
            None => return Wanted::Whole,
        }
        if spans.len() > RANGES_MAX {
            return Wanted::Whole;
        }
    }
    if spans.is_empty() {
        return if set.trim().is_empty() { Wanted::Whole } else { Wanted::Unsatisfiable };
    }
    // Overlapping ranges must not make an answer larger than the content is.
    let sum = spans.iter().map(|span| u128::from(span.len())).sum::<u128>();
    if spans.len() > 1 && sum > u128::from(size) { Wanted::Whole } else { Wanted::Parts(spans) }
}

/// One `first-last`, `first-` or `-suffix`. `None`: not understood; `Some(None)`: understood, but it has no byte.
#[allow(clippy::option_option, reason = "the two ways of being nothing lead to different answers")]
fn parse_spec(spec: &str, size: u64) -> Option<Option<Span>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?.min(size);
        return Some((suffix > 0).then(|| Span { first: size - suffix, last: size - 1 }));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        // Invalid, so the standard leaves the choice; a client that asks for a range and gets the whole layer is worse off.
        return Some(None);
    }
    Some((first < size).then(|| Span { first, last: last.min(size - 1) }))
}

/// A `Content-Range` as the distribution specification writes it, `<first>-<last>`. The form that HTTP knows from answers
/// (`bytes 0-9/10`) is taken as well, since some clients send it.
pub(super) fn parse_content_range(header: &str) -> Option<(u64, u64)> {
    let text = header.trim();
    let text = text.strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches(['=', ' ']));
    let text = text.split_once('/').map_or(text, |(range, _)| range);
    let (first, last) = text.split_once('-')?;
    Some((number(first)?, number(last)?))
}

/// Digits only: no sign, no blanks. More than fits is as good as the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(first: u64, last: u64) -> Wanted {
        Wanted::Parts(vec![Span { first, last }])
    }

    #[test]
    fn the_forms_of_the_standard() {
        assert_eq!(parse("bytes=0-0", 10), one(0, 0));
        assert_eq!(parse("bytes=2-", 10), one(2, 9));
        assert_eq!(parse("bytes=-3", 10), one(7, 9));
        assert_eq!(parse("bytes=-30", 10), one(0, 9));
        assert_eq!(parse("bytes=5-99999999999999999999999", 10), one(5, 9));
        assert_eq!(
            parse("bytes=0-1, 8-9", 10),
            Wanted::Parts(vec![Span { first: 0, last: 1 }, Span { first: 8, last: 9 }])
        );
        for nothing in ["bytes=10-", "bytes=-0", "bytes=10-20, 30-", "bytes=5-2"] {
            assert_eq!(parse(nothing, 10), Wanted::Unsatisfiable, "{nothing}");
        }
        for ignored in ["", "bytes", "bytes=", "bytes=a-b", "chunks=0-1", "bytes=0-9,0-9", "bytes=+1-2", "bytes=1"] {
            assert_eq!(parse(ignored, 10), Wanted::Whole, "{ignored}");
        }
        assert_eq!(parse("bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(parse("bytes=-1", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn content_ranges_are_two_plain_numbers() {
        assert_eq!(parse_content_range("0-9"), Some((0, 9)));
        assert_eq!(parse_content_range("bytes 0-9/10"), Some((0, 9)));
        for bad in ["", "-", "0", "0-", "-9", "a-b", "0--9", "0 - 9", "+0-9"] {
            assert_eq!(parse_content_range(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn spans_always_lie_inside(header in "(bytes=)?[-0-9, a]{0,30}", size in 0_u64..40) {
            if let Wanted::Parts(spans) = parse(&header, size) {
                prop_assert!(!spans.is_empty());
                for span in spans {
                    prop_assert!(span.first <= span.last && span.last < size);
                }
            }
            let _ = parse_content_range(&header);
        }
    }
}
