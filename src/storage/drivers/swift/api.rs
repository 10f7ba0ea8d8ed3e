//! The requests that OpenDAL does not make: about the container, and about what a large object consists of.

use ::opendal::{Buffer, Error, HttpTransporter};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::super::urls::escaped;
use super::STAND_IN;
use crate::storage::{ErrorKind, Result, StorageError, StorageKey};

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not there.
    None,
    /// Bytes.
    Plain,
    /// A static large object: a list of segments, each by its name.
    Static,
    /// A dynamic large object: whatever has a prefix in a container. Wharf writes none, `distribution` does.
    Dynamic {
        /// Whose names begin so.
        prefix: String,
    },
}

/// Calls one container.
pub(super) struct Api {
    http: HttpTransporter,
    container: String,
    /// In front of every key; without slashes around it.
    root: String,
}

impl Api {
    pub(super) fn new(http: HttpTransporter, container: &str, root: &str) -> Self {
        Self { http, container: container.to_owned(), root: root.to_owned() }
    }

    /// An object's whole name in the container.
    pub(super) fn name(&self, key: &str) -> String {
        if self.root.is_empty() { key.to_owned() } else { format!("{}/{key}", self.root) }
    }

    /// Makes the container unless it is there.
    pub(super) async fn make_container(&self) -> Result<()> {
        let key = StorageKey::trusted("wharf".to_owned());
        let failed = |answer: Response<Buffer>| refused("make the container", &key, &answer);
        let looked = self.send(Method::HEAD, "", "", &key).await?;
        if looked.status().is_success() {
            return Ok(());
        }
        if looked.status() != StatusCode::NOT_FOUND {
            return Err(failed(looked));
        }
        let made = self.send(Method::PUT, "", "", &key).await?;
        if made.status().is_success() { Ok(()) } else { Err(failed(made)) }
    }

    /// The container's metadata.
    pub(super) async fn container_headers(&self) -> Result<HeaderMap> {
        let key = StorageKey::trusted("wharf".to_owned());
        let answer = self.send(Method::HEAD, "", "", &key).await?;
        Ok(answer.into_parts().0.headers)
    }

    /// What an object is.
    pub(super) async fn kind(&self, key: &StorageKey) -> Result<Kind> {
        let answer = self.send(Method::HEAD, &self.name(key.as_str()), "", key).await?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(Kind::None);
        }
        if !answer.status().is_success() {
            return Err(refused("look at", key, &answer));
        }
        if header("x-static-large-object").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(Kind::Static);
        }
        let Some(manifest) = header("x-object-manifest") else { return Ok(Kind::Plain) };
        let manifest = percent_decode_str(manifest).decode_utf8_lossy().into_owned();
        Ok(match manifest.split_once('/') {
            // Segments in another container are somebody else's affair.
            Some((container, prefix)) if container == self.container && !prefix.is_empty() => {
                Kind::Dynamic { prefix: prefix.to_owned() }
            }
            _ => Kind::Plain,
        })
    }

    /// The names in the container that begin with a prefix, behind a marker: JSON, with times. An empty list where
    /// there are none.
    pub(super) async fn list(&self, prefix: &str, marker: &str, limit: usize) -> Result<Vec<u8>> {
        let key = StorageKey::trusted("wharf".to_owned());
        let value = |text: &str| escaped(text).replace('/', "%2F");
        let query = format!("?format=json&limit={limit}&prefix={}&marker={}", value(prefix), value(marker));
        let answer = self.send(Method::GET, "", &query, &key).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(b"[]".to_vec()),
            StatusCode::OK => Ok(answer.into_body().to_vec()),
            _ => Err(refused("list", &key, &answer)),
        }
    }

    /// What a static large object is made of: JSON that names its segments; nothing where there is no such object.
    pub(super) async fn segments(&self, key: &StorageKey) -> Result<Vec<u8>> {
        let answer =
            self.send(Method::GET, &self.name(key.as_str()), "?multipart-manifest=get&format=raw", key).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(Vec::new()),
            status if status.is_success() => Ok(answer.into_body().to_vec()),
            _ => Err(refused("look at", key, &answer)),
        }
    }

    /// Deletes one object by its whole name. Of a large one, only the list of its segments.
    pub(super) async fn delete(&self, name: &str, key: &StorageKey) -> Result<()> {
        let answer = self.send(Method::DELETE, name, "", key).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(()),
            status if status.is_success() => Ok(()),
            _ => Err(refused("delete", key, &answer)),
        }
    }

    /// Deletes a static large object with exactly the segments that it lists.
    pub(super) async fn delete_static(&self, key: &StorageKey) -> Result<()> {
        let query = "?multipart-manifest=delete&format=json";
        let answer = self.send(Method::DELETE, &self.name(key.as_str()), query, key).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        if !answer.status().is_success() {
            return Err(refused("delete", key, &answer));
        }
        // The status says that it was tried; what came of it stands in the body.
        let body = answer.into_body().to_bytes();
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        let none = Vec::new();
        let errors = told["Errors"].as_array().unwrap_or(&none);
        let is_gone = |error: &Value| error[1].as_str().is_some_and(|status| status.starts_with("404"));
        match errors.iter().find(|error| !is_gone(error)) {
            // Somebody has put a plain object there meanwhile.
            Some(error) if error[1].as_str().is_some_and(|status| status.starts_with("400")) => {
                self.delete(&self.name(key.as_str()), key).await
            }
            Some(error) => {
                let source = format!("{} of its segments stay: {error}", errors.len());
                let kind = ErrorKind::Unavailable { retry_after: None };
                Err(StorageError::new(kind, "delete", key).with_source(source))
            }
            None => Ok(()),
        }
    }

    /// Sends a request.
    async fn send(&self, method: Method, name: &str, query: &str, key: &StorageKey) -> Result<Response<Buffer>> {
        let path = match name {
            "" => format!("/{}", escaped(&self.container)),
            name => format!("/{}/{}", escaped(&self.container), escaped(name)),
        };
        let request = Request::builder().method(method).uri(format!("{STAND_IN}{path}{query}"));
        let request = request.header("accept", "application/json").header("content-length", "0");
        let wrong =
            |error: http::Error| StorageError::new(ErrorKind::Other, "ask for", key).with_source(error.to_string());
        self.http.send(request.body(Buffer::new()).map_err(wrong)?).await.map_err(|error| away(error, key))
    }
}

/// A request that got no answer, or none that it was allowed to be sent for.
fn away(error: Error, key: &StorageKey) -> StorageError {
    let kind = match error.kind() {
        _ if error.is_temporary() => ErrorKind::Unavailable { retry_after: None },
        ::opendal::ErrorKind::RateLimited => ErrorKind::Unavailable { retry_after: None },
        ::opendal::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    };
    StorageError::new(kind, "ask for", key).with_source(error)
}

fn refused(operation: &'static str, key: &StorageKey, answer: &Response<Buffer>) -> StorageError {
    let status = answer.status();
    let kind = match status.as_u16() {
        401 | 403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        507 => ErrorKind::NoSpace,
        500..=599 => ErrorKind::Unavailable { retry_after: None },
        _ => ErrorKind::Other,
    };
    StorageError::new(kind, operation, key).with_source(format!("the answer has the status: {status}"))
}
