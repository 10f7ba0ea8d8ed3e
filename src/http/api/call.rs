//! A request on its way through the API, as every step and every handler sees it.

use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::request;

use super::Api;
use super::location::Location;
use super::query::Query;

/// A routed request without its body, which goes to the one handler that reads it.
pub(super) struct Call<'a> {
    pub(super) api: &'a Arc<Api>,
    pub(super) parts: &'a request::Parts,
    pub(super) query: Query,
    pub(super) location: Location,
    /// Who sent it, once that is known; empty when anonymous.
    pub(super) user: String,
}

impl Call<'_> {
    /// The announced length of the request's body.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}
