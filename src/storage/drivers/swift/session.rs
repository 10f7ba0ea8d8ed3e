//! The token that requests carry: fetched at the first one, renewed before it expires and when it is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::opendal::{Error, ErrorKind, Result};
use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use tokio::sync::Mutex;

use super::super::transport::Authorize;
use super::super::urls::CONTENT_TYPE as BLOB_TYPE;
use super::login::{Granted, Login};
use crate::config::drivers::Address;

const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// A token is renewed this long before its end, or when nine tenths of its life are over, whichever comes later.
const RENEWED_BEFORE: Duration = Duration::from_secs(120);

/// Logged in, or about to be.
pub(super) struct Session {
    login: Login,
    client: reqwest::Client,
    /// One login at a time: those who come meanwhile wait for its token.
    current: Mutex<Option<Arc<Current>>>,
}

/// A token and where it is good.
pub(super) struct Current {
    granted: Granted,
    renewed_at: Instant,
}

impl Current {
    /// The URL of the account.
    pub(super) fn storage(&self) -> &Address {
        &self.granted.storage
    }
}

impl Session {
    pub(super) fn new(login: Login, client: reqwest::Client) -> Self {
        Self { login, client, current: Mutex::new(None) }
    }

    /// The token of now.
    pub(super) async fn current(&self) -> Result<Arc<Current>> {
        let mut held = self.current.lock().await;
        if let Some(current) = held.as_ref().filter(|current| Instant::now() < current.renewed_at) {
            return Ok(Arc::clone(current));
        }
        let granted = self.login.enter(&self.client).await.map_err(|refused| {
            Error::new(ErrorKind::PermissionDenied, refused.sentence).with_temporary(refused.may_pass)
        })?;
        let used_for = granted.life.saturating_sub(RENEWED_BEFORE).max(granted.life.mul_f64(0.9));
        let current = Arc::new(Current { granted, renewed_at: Instant::now() + used_for });
        *held = Some(Arc::clone(&current));
        Ok(current)
    }
}

#[async_trait]
impl Authorize for Session {
    async fn authorize(&self, request: &mut Parts) -> Result<()> {
        let current = self.current().await?;
        let wrong = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Unexpected, format!("a request to Swift can't be made: {error}"))
        };
        // The operator was made before anybody knew where the account is: its URIs begin behind that.
        let path = request.uri.path().trim_end_matches('/');
        let query = request.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let uri = format!("{}{path}{query}", current.storage().url());
        request.uri = uri.parse::<Uri>().map_err(|error| wrong(&error))?;
        let mut token = HeaderValue::from_str(current.granted.token.expose()).map_err(|error| wrong(&error))?;
        token.set_sensitive(true);
        request.headers.insert(TOKEN, token);
        // The type of a large object is that of its manifest's upload, which is JSON.
        if query.contains("multipart-manifest=put") {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(BLOB_TYPE));
        }
        Ok(())
    }

    async fn again(&self, request: &Parts, status: StatusCode) -> bool {
        if status != StatusCode::UNAUTHORIZED {
            return false;
        }
        let used = request.headers.get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default();
        let mut held = self.current.lock().await;
        // Another request may have renewed it already.
        if held.as_ref().is_some_and(|current| current.granted.token.expose() == used) {
            *held = None;
        }
        true
    }

    fn understood(&self, status: StatusCode) -> StatusCode {
        // Swift's own way to say that there are too many requests, and the usual one, which OpenDAL does not expect of it.
        match status.as_u16() {
            429 | 498 => StatusCode::SERVICE_UNAVAILABLE,
            _ => status,
        }
    }
}
