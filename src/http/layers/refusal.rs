//! Answers that a layer gives in place of the API.

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::oci::ErrorCode;

/// An answer in the error form of the distribution specification ("Error Codes").
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: ErrorCode,
    pub(super) detail: &'static str,
    /// Seconds after which it is worth trying again.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn into_response(self) -> Response<Body> {
        let error = serde_json::json!({
            "code": self.code.as_str(), "message": self.code.message(), "detail": self.detail
        });
        let mut response = Response::new(Body::from(format!("{}\n", serde_json::json!({ "errors": [error] }))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            HeaderName::from_static("docker-distribution-api-version"),
            HeaderValue::from_static("registry/2.0"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
