//! `/v2/`: "yes, this is a registry" (end-1).

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

pub(super) fn version() -> Response<Body> {
    json(Body::from("{}"))
}

/// A successful answer in JSON.
pub(super) fn json(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
