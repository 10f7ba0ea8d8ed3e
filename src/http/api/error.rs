//! The one place where errors become responses.

use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::oci::{DigestError, ErrorCode, NameError};
use crate::registry;
use crate::storage::{ErrorKind, StorageError};

/// What a handler returns.
pub(super) type ApiResult<T = Response<Body>> = Result<T, ApiError>;

/// One or more errors of the distribution API, on their way to a client.
#[derive(Debug)]
pub struct ApiError {
    /// The first one gives the status.
    errors: Vec<Entry>,
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log alone.
    reason: Option<String>,
}

#[derive(Debug)]
struct Entry {
    code: ErrorCode,
    message: Option<String>,
    detail: Option<Value>,
}

impl ApiError {
    /// An error with its code's own message.
    pub fn new(code: ErrorCode) -> Self {
        let errors = vec![Entry { code, message: None, detail: None }];
        Self { errors, status: None, headers: Vec::new(), reason: None }
    }

    /// A message that says more than the code's own does.
    #[must_use]
    pub fn message(mut self, message: String) -> Self {
        self.errors[0].message = Some(message);
        self
    }

    /// Data that the client can use.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Value>) -> Self {
        self.errors[0].detail = Some(detail.into());
        self
    }

    /// A header that goes with the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A status other than the code's own.
    #[must_use]
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// What the operator should know and the client should not.
    #[must_use]
    pub fn internal(mut self, reason: String) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The first code.
    pub fn code(&self) -> ErrorCode {
        self.errors[0].code
    }

    /// What stands in the log only.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// A name that is none.
    pub(super) fn name_invalid(name: &str, error: NameError) -> Self {
        Self::new(ErrorCode::NameInvalid).message(error.to_string()).detail(json!({"name": shortened(name)}))
    }

    /// A digest that is none.
    pub(super) fn digest_invalid(text: &str, error: DigestError) -> Self {
        Self::new(ErrorCode::DigestInvalid).message(error.to_string()).detail(shortened(text))
    }

    /// The response: status and code of the first error, all errors in the body.
    pub fn into_response(self) -> Response<Body> {
        let rows = self.errors.iter().map(|entry| {
            let message = entry.message.as_deref().unwrap_or(entry.code.message());
            match &entry.detail {
                Some(detail) => json!({"code": entry.code.as_str(), "message": message, "detail": detail}),
                None => json!({"code": entry.code.as_str(), "message": message}),
            }
        });
        let body = format!("{}\n", json!({"errors": rows.collect::<Value>()}));
        let status = StatusCode::from_u16(self.errors[0].code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status.unwrap_or(status);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

/// Client text is echoed only so far, so that an answer never grows with the request.
fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}

impl From<registry::Error> for ApiError {
    fn from(error: registry::Error) -> Self {
        use registry::Error as E;
        let said = error.to_string();
        match error {
            E::NameUnknown(name) => Self::new(ErrorCode::NameUnknown).detail(json!({"name": name.as_str()})),
            E::BlobUnknown(digest) => Self::new(ErrorCode::BlobUnknown).detail(digest.as_str()),
            E::ManifestUnknown { reference, .. } => {
                Self::new(ErrorCode::ManifestUnknown).detail(format!("unknown reference {reference}"))
            }
            E::UploadUnknown => Self::new(ErrorCode::BlobUploadUnknown).message(said),
            E::UploadBusy { .. } | E::OffsetMismatch { .. } => Self::new(ErrorCode::RangeInvalid).message(said),
            E::DigestMismatch { expected, found } => Self::new(ErrorCode::DigestInvalid)
                .message(said)
                .detail(json!({"expected": expected.as_str(), "found": found.as_str()})),
            E::ManifestInvalid(_) | E::UrlNotAllowed(_) => Self::new(ErrorCode::ManifestInvalid).message(said),
            E::ReferencesUnknown(missing) => {
                let entry = |digest: &crate::oci::Digest| Entry {
                    code: ErrorCode::ManifestBlobUnknown,
                    message: None,
                    detail: Some(digest.as_str().into()),
                };
                let errors = missing.iter().map(entry).collect();
                Self { errors, ..Self::new(ErrorCode::ManifestBlobUnknown) }
            }
            E::Body(_) => Self::new(ErrorCode::SizeInvalid).message(said),
            E::Storage(error) => error.into(),
            // `Error` may grow; what nobody has mapped yet is a defect of ours, not the client's.
            _ => Self::new(ErrorCode::Unknown).internal(said),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let internal = error.to_string();
        let made = match error.kind() {
            ErrorKind::RangeNotSatisfiable => Self::new(ErrorCode::RangeInvalid),
            ErrorKind::NoSpace => Self::new(ErrorCode::Unavailable)
                .message("the registry's storage is full".to_owned())
                .status(StatusCode::INSUFFICIENT_STORAGE),
            ErrorKind::Conflict => {
                Self::new(ErrorCode::RangeInvalid).message("another request was faster: look again".to_owned())
            }
            ErrorKind::Unavailable { retry_after } => {
                let seconds = retry_after.map_or(5, |wait| wait.as_secs().clamp(1, 3600));
                Self::new(ErrorCode::Unavailable)
                    .message("the registry's storage can't answer now: try again later".to_owned())
                    .header(RETRY_AFTER, HeaderValue::from(seconds))
            }
            _ => Self::new(ErrorCode::Unknown).message("the registry's storage failed".to_owned()),
        };
        made.internal(internal)
    }
}
