//! `/v2/`: "yes, this is a registry" (end-1).

use axum::body::Body;
use http::Response;

use super::answers::json;

pub(super) fn version() -> Response<Body> {
    json(Body::from("{}"))
}
