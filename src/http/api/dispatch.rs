//! The steps of every request, in their order.

use std::sync::Arc;

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::call::Call;
use super::error::{ApiError, ApiResult};
use super::location::Location;
use super::query::Query;
use super::route::Route;
use super::{Api, authorize, fault, handlers};
use crate::auth::Identity;
use crate::http::{Outcome, RequestInfo};
use crate::oci::{ErrorCode, RepositoryName};

/// Docker clients and proxy recipes look for this header, on refusals too.
const API_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("docker-distribution-api-version"), HeaderValue::from_static("registry/2.0"));

/// Answers a request.
pub(super) async fn answer(api: &Arc<Api>, request: Request<Body>) -> Response<Body> {
    let Some(route) = Route::parse(request.uri().path(), &api.options.prefix) else { return not_found() };
    if route == Route::Liveness {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return response;
    }
    let mut outcome = Outcome {
        handler: route.handler(),
        repository: route.name().unwrap_or_default().to_owned(),
        ..Outcome::default()
    };
    let (parts, body) = request.into_parts();
    let tls = parts.extensions.get::<RequestInfo>().is_some_and(|info| info.tls);
    let mut call = Call {
        api,
        query: Query::parse(parts.uri.query()),
        location: Location::of(&api.options, &parts, tls),
        parts: &parts,
        user: String::new(),
    };
    let mut response = match handle(&mut call, &route, body, &mut outcome).await {
        Ok(response) => response,
        Err(error) => {
            outcome.code = Some(error.code());
            outcome.reason = error.reason().map(str::to_owned);
            error.into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in &api.options.headers {
        headers.append(name.clone(), value.clone());
    }
    headers.insert(API_VERSION.0, API_VERSION.1);
    response.extensions_mut().insert(outcome);
    response
}

/// Authorization, then the method, then the name, then the handler.
async fn handle(call: &mut Call<'_>, route: &Route, body: Body, outcome: &mut Outcome) -> ApiResult {
    let Identity { name: user } = authorize::authorize(call, route).await?;
    outcome.user.clone_from(&user);
    call.user = user;
    fault::panic_if_told(call.parts.uri.path());
    let methods = route.methods(call.api.options.read_only);
    if call.parts.method == Method::OPTIONS {
        return Ok(with_allow(Response::new(Body::empty()), methods));
    }
    if !methods.contains(&call.parts.method) {
        let refusal = ApiError::new(ErrorCode::Unsupported).message(format!(
            "{} is not possible here{}",
            call.parts.method,
            if call.api.options.read_only { ": this registry is read-only" } else { "" }
        ));
        return Ok(with_allow(refusal.into_response(), methods));
    }
    let repository = match route.name() {
        Some(name) => Some(name.parse::<RepositoryName>().map_err(|error| ApiError::name_invalid(name, error))?),
        None => None,
    };
    handlers::handle(call, route, repository.as_ref(), body).await
}

fn with_allow(mut response: Response<Body>, methods: &[Method]) -> Response<Body> {
    let text = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

fn not_found() -> Response<Body> {
    let mut response = Response::new(Body::from("404 page not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
