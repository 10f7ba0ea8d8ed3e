//! What an answer means.

use crate::bindings::exports::wharf::notify::hook::Outcome;
use wharf_plugin_support::http;

/// The first wait after a failure; it doubles with each.
const WAIT_MS: u32 = 1000;
/// The longest wait, whatever the receiver asks for.
const WAIT_MS_MAX: u32 = 15 * 60 * 1000;

/// What a status means. Before `attempt` tries, the host has handed these events over in vain.
pub(crate) fn outcome(status: u16, retry_after: Option<&str>, attempt: u32) -> Outcome {
    match status {
        200..300 => Outcome::Done,
        408 | 425 | 429 | 500.. => {
            // A date, which the header may hold too, is worth no parser: the doubling wait does.
            let asked = retry_after.and_then(|text| text.trim().parse::<u32>().ok());
            let asked_ms = asked.map(|seconds| seconds.saturating_mul(1000).clamp(WAIT_MS, WAIT_MS_MAX));
            Outcome::RetryAfterMs(asked_ms.unwrap_or_else(|| wait_ms(attempt)))
        }
        _ => Outcome::Drop(format!("the receiver answered {status}")),
    }
}

/// What it means that there was no answer.
pub(crate) fn no_answer(error: &http::Error, attempt: u32) -> Outcome {
    match error {
        http::Error::Denied(_) => Outcome::Drop(format!("{error}; see `grants.hosts`")),
        http::Error::Failed(_) | http::Error::TooLarge => Outcome::RetryAfterMs(wait_ms(attempt)),
    }
}

fn wait_ms(attempt: u32) -> u32 {
    WAIT_MS.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(WAIT_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::RetryAfterMs(wait) => wait.to_string(),
            Outcome::Drop(reason) => reason.clone(),
        }
    }

    #[test]
    fn answers_are_understood() {
        let cases = [
            (204, None, 0, "done"),
            (500, None, 0, "1000"),
            (503, None, 3, "8000"),
            (503, None, 40, "900000"),
            (429, Some("7"), 0, "7000"),
            (429, Some("0"), 0, "1000"),
            (503, Some("Fri, 31 Dec 1999 23:59:59 GMT"), 1, "2000"),
            (404, None, 0, "the receiver answered 404"),
            (302, None, 0, "the receiver answered 302"),
        ];
        for (status, retry_after, attempt, expected) in cases {
            assert_eq!(told(&outcome(status, retry_after, attempt)), expected, "{status}");
        }
    }
}
