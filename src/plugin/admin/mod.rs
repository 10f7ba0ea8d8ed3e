//! The admin API: it lists, swaps and rolls back plugins.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /plugins` | a list of [`Listed`] |
//! | `POST /plugins/NAME/swap` with a [`SwapRequest`] | [`Exchanged`] |
//! | `POST /plugins/NAME/rollback` | [`Exchanged`] |
//!
//! What fails is answered with a [`Problem`]: 404 when there is no such plugin, 422 when the component can't be put into service,
//! 401 without the token. It is served on a socket that only the server's user can open, or on a loopback address with a token.

mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

pub use wire::{Exchanged, Listed, Problem, SwapRequest};

use super::error::LoadError;
use super::host::Host;
use super::slot::{Managed, Swapped};
use super::source::Source;
use crate::config::Secret;

/// A request has a file name in it and nothing more.
const BODY_BYTES_MAX: usize = 16 << 10;

/// The API. With a token, every request must carry it as `Authorization: Bearer …`.
pub fn router(host: Arc<Host>, token: Option<Secret>) -> Router {
    let router = Router::new()
        .route("/plugins", get(list))
        .route("/plugins/{name}/swap", post(swap))
        .route("/plugins/{name}/rollback", post(rollback))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(host);
    match token {
        Some(token) => router.layer(middleware::from_fn_with_state(Arc::new(token), check)),
        None => router,
    }
}

async fn check(State(token): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if bool::from(sent.as_bytes().ct_eq(token.expose().as_bytes())) {
        return next.run(request).await;
    }
    let problem = Problem { error: "the token is missing or wrong; it is admin.token of the server".to_owned() };
    let mut response = answer(StatusCode::UNAUTHORIZED, &problem);
    response.headers_mut().insert(WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
    response
}

async fn list(State(host): State<Arc<Host>>) -> Response {
    let mut plugins = Vec::new();
    for slot in host.slots() {
        plugins.push(Listed::from(slot.status().await));
    }
    answer(StatusCode::OK, &plugins)
}

async fn swap(State(host): State<Arc<Host>>, Path(name): Path<String>, body: bytes::Bytes) -> Response {
    let request = if body.is_empty() { Ok(SwapRequest::default()) } else { serde_json::from_slice(&body) };
    let request: SwapRequest = match request {
        Ok(request) => request,
        Err(error) => {
            let error = format!("the body is no such request: {error}; send {{\"component\": \"/path/of/a.wasm\"}}");
            return answer(StatusCode::BAD_REQUEST, &Problem { error });
        }
    };
    let source = request.component.as_deref().map(Source::parse);
    let Some(slot) = host.slot(&name) else { return unknown(&host, &name) };
    // In a task of its own: a caller who does not wait must not leave it half done.
    let work = tokio::spawn(async move { outcome(&*slot, slot.swap(source).await) });
    work.await.unwrap_or_else(|error| answer(StatusCode::INTERNAL_SERVER_ERROR, &Problem { error: error.to_string() }))
}

async fn rollback(State(host): State<Arc<Host>>, Path(name): Path<String>) -> Response {
    let Some(slot) = host.slot(&name) else { return unknown(&host, &name) };
    let work = tokio::spawn(async move { outcome(&*slot, slot.rollback().await) });
    work.await.unwrap_or_else(|error| answer(StatusCode::INTERNAL_SERVER_ERROR, &Problem { error: error.to_string() }))
}

fn outcome(slot: &dyn Managed, outcome: Result<Swapped, LoadError>) -> Response {
    match outcome {
        Ok(swapped) => answer(StatusCode::OK, &Exchanged::of(slot.name(), &swapped)),
        Err(error) => answer(StatusCode::UNPROCESSABLE_ENTITY, &Problem { error: error.to_string() }),
    }
}

fn unknown(host: &Host, name: &str) -> Response {
    let names: Vec<String> = host.slots().iter().map(|slot| slot.name().to_owned()).collect();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    answer(StatusCode::NOT_FOUND, &Problem { error: format!("there is no plugin {name:?}; there are: {known}") })
}

fn answer(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let text = serde_json::to_string(body).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json")], format!("{text}\n")).into_response()
}
