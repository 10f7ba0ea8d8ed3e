//! The answers that several resources share.

use axum::body::Body;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::http::api::call::Call;
use crate::http::api::error::{ApiError, ApiResult};
use crate::oci::{Digest, ErrorCode, RepositoryName};

pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// 200 with a JSON body.
pub(super) fn json(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 201 for new content, with where to pull it from and what it is called there.
pub(super) fn created(call: &Call<'_>, repository: &RepositoryName, kind: &str, digest: &Digest) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(LOCATION, call.location.url(&format!("/{repository}/{kind}/{digest}")));
    headers.insert(CONTENT_DIGEST, digest_value(digest));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}

/// 202 with nothing in it.
pub(super) fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}

pub(super) fn digest_value(digest: &Digest) -> HeaderValue {
    // A digest is letters, digits and a colon.
    HeaderValue::try_from(digest.as_str()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// # Errors
/// `UNSUPPORTED` where the operator has not allowed deleting.
pub(super) fn must_be_deletable(call: &Call<'_>) -> ApiResult<()> {
    if call.api.options.delete_enabled {
        return Ok(());
    }
    let message = "deleting is disabled on this registry (storage.delete.enabled)";
    Err(ApiError::new(ErrorCode::Unsupported).message(message.to_owned()))
}
