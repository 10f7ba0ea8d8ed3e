//! One file per resource. A handler reads as the specification's sentence: parse, do, answer.

mod answers;
mod base;
mod blobs;
mod catalog;
mod manifests;
mod referrers;
mod tags;
mod uploads;

use axum::body::Body;
use http::{Method, Response};

use super::call::Call;
use super::error::ApiResult;
use super::route::Route;
use crate::oci::RepositoryName;

/// Calls the handler of a route and method that have been checked to go together.
pub(super) async fn handle(
    call: &Call<'_>,
    route: &Route,
    repository: Option<&RepositoryName>,
    body: Body,
) -> ApiResult<Response<Body>> {
    let Some(repository) = repository else {
        return match route {
            Route::Catalog => catalog::list(call).await,
            _ => Ok(base::version()),
        };
    };
    let method = &call.parts.method;
    match route {
        Route::Tags { .. } => tags::list(call, repository).await,
        Route::Referrers { digest, .. } => referrers::list(call, repository, digest).await,
        Route::Manifest { reference, .. } => match *method {
            Method::PUT => manifests::put(call, repository, reference, body).await,
            Method::DELETE => manifests::delete(call, repository, reference).await,
            _ => manifests::get(call, repository, reference).await,
        },
        Route::Blob { digest, .. } => match *method {
            Method::DELETE => blobs::delete(call, repository, digest).await,
            Method::HEAD => blobs::head(call, repository, digest).await,
            _ => blobs::get(call, repository, digest).await,
        },
        Route::Uploads { .. } => uploads::start(call, repository, body).await,
        Route::Upload { id, .. } => match *method {
            Method::PATCH => uploads::append(call, repository, id, body).await,
            Method::PUT => uploads::finish(call, repository, id, body).await,
            Method::DELETE => uploads::cancel(call, repository, id).await,
            _ => uploads::status(call, repository, id).await,
        },
        Route::Liveness | Route::Base | Route::Catalog => Ok(base::version()),
    }
}
