//! Pages: `n`, `last` and the `Link` to the next one (distribution specification, "Listing Tags").

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::call::Call;
use super::error::ApiError;
use crate::oci::ErrorCode;

/// What stays as it is in a query value.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageRequest {
    /// At most so many; `None` when the client did not say.
    pub(super) n: Option<usize>,
    /// What comes after this.
    pub(super) last: Option<String>,
}

impl PageRequest {
    /// # Errors
    /// `PAGINATION_NUMBER_INVALID` when `n` is no whole number.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, ApiError> {
        let n = match call.query.first("n") {
            None | Some("") => None,
            Some(text) => match text.parse::<u64>() {
                Ok(n) => Some(usize::try_from(n).unwrap_or(usize::MAX)),
                Err(_) => return Err(out_of_range(json!(text.chars().take(40).collect::<String>()))),
            },
        };
        let last = call.query.first("last").filter(|last| !last.is_empty()).map(str::to_owned);
        Ok(Self { n, last })
    }
}

/// An `n` that is refused; `detail` shows it.
pub(super) fn out_of_range(n: serde_json::Value) -> ApiError {
    ApiError::new(ErrorCode::PaginationNumberInvalid).detail(json!({"n": n}))
}

/// The `Link` to the page after `last`. `parameters` are what the next request must repeat.
pub(super) fn next_link(call: &Call<'_>, path: &str, parameters: &[(&str, &str)]) -> HeaderValue {
    let query: Vec<String> =
        parameters.iter().map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, QUERY_VALUE))).collect();
    let link = format!("<{}?{}>; rel=\"next\"", call.location.path(path), query.join("&"));
    // Everything that is not plain ASCII has been encoded.
    HeaderValue::try_from(link).unwrap_or_else(|_| HeaderValue::from_static(""))
}
