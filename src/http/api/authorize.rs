//! What each request needs, and what is answered to those who do not have it.

use http::{HeaderValue, Method, header};
use serde_json::json;

use super::call::Call;
use super::error::ApiError;
use super::route::Route;
use crate::auth::{Access, Action, AuthRequest, Decision, Identity, Resource};
use crate::http::RequestInfo;
use crate::oci::{ErrorCode, RepositoryName};

/// The scope table: what a method does to a route's resource. Cancelling an upload takes the right to push, which whoever
/// began it has; `distribution` asks for `delete` there, which ordinary push tokens lack.
fn wanted(call: &Call<'_>, route: &Route) -> Vec<Access> {
    let name = match route {
        Route::Liveness | Route::Base => return Vec::new(),
        Route::Catalog => return vec![Access { resource: Resource::Catalog, action: Action::All }],
        route => route.name().unwrap_or_default(),
    };
    let own = |action| Access { resource: Resource::Repository(name.to_owned()), action };
    match call.parts.method {
        Method::GET | Method::HEAD => vec![own(Action::Pull)],
        Method::DELETE if !matches!(route, Route::Upload { .. }) => vec![own(Action::Delete)],
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {
            let mut wanted = vec![own(Action::Pull), own(Action::Push)];
            // A mount reads the source; without rights to it, it must not even tell whether the blob is there.
            if let (Route::Uploads { .. }, Some(from)) = (route, call.query.first("from")) {
                wanted.push(Access { resource: Resource::Repository(from.to_owned()), action: Action::Pull });
            }
            wanted
        }
        _ => Vec::new(),
    }
}

/// Asks the provider once, with everything the request needs.
pub(super) async fn authorize(call: &Call<'_>, route: &Route) -> Result<Identity, ApiError> {
    let access = wanted(call, route);
    match call.api.auth.authorize(request(call, &access)).await {
        Ok(Decision::Granted { identity, .. }) => Ok(identity),
        Ok(Decision::Challenge { www_authenticate, reason }) => {
            let error = ApiError::new(ErrorCode::Unauthorized).detail(detail(&access)).internal(reason);
            Err(match HeaderValue::try_from(www_authenticate) {
                Ok(value) => error.header(header::WWW_AUTHENTICATE, value),
                Err(_) => error,
            })
        }
        Ok(Decision::Denied { reason }) => {
            Err(ApiError::new(ErrorCode::Denied).message(reason).detail(detail(&access)))
        }
        Err(error) => Err(ApiError::new(ErrorCode::Unavailable)
            .message("the authorization service can't decide now: try again later".to_owned())
            .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
            .internal(error.to_string())),
    }
}

/// Whether the request's credentials would also let it pull from another repository.
pub(super) async fn may_pull(call: &Call<'_>, repository: &RepositoryName) -> bool {
    let access = [Access { resource: Resource::Repository(repository.as_str().to_owned()), action: Action::Pull }];
    matches!(call.api.auth.authorize(request(call, &access)).await, Ok(Decision::Granted { .. }))
}

/// What the provider sees of a request.
fn request<'a>(call: &'a Call<'_>, access: &'a [Access]) -> AuthRequest<'a> {
    AuthRequest {
        method: &call.parts.method,
        path: call.parts.uri.path(),
        headers: &call.parts.headers,
        access,
        peer: call.parts.extensions.get::<RequestInfo>().and_then(|info| info.peer),
        scheme: call.location.scheme(),
        host: call.location.host(),
    }
}

/// The `detail` of a refusal, as `distribution` renders it: one object per wanted action, `null` where none is.
fn detail(access: &[Access]) -> serde_json::Value {
    if access.is_empty() {
        return serde_json::Value::Null;
    }
    let rows = access.iter().map(|access| {
        let (kind, name) = match &access.resource {
            Resource::Repository(name) => ("repository", name.as_str()),
            Resource::Catalog => ("registry", "catalog"),
        };
        let action = match access.action {
            Action::Pull => "pull",
            Action::Push => "push",
            Action::Delete => "delete",
            Action::All => "*",
        };
        json!({"Type": kind, "Class": "", "Name": name, "Action": action})
    });
    rows.collect()
}
