//! The distribution API over HTTP: a file per step of a request, a handler file per resource.
//!
//! A request is routed, authorized, checked and answered in that order ([`dispatch`]), so a client without rights learns
//! nothing, not even whether a name is well formed. Handlers return a response or an [`ApiError`]; only [`error`] knows what
//! an error looks like on the wire.

mod authorize;
mod call;
mod client;
mod conditional;
mod dispatch;
mod error;
mod events;
mod fault;
mod handlers;
mod lingering;
mod location;
mod pagination;
mod query;
mod range;
mod route;
mod upload_token;

use std::sync::Arc;

use axum::Router;
use http::{HeaderName, HeaderValue};

use crate::auth::AuthProvider;
use crate::config::value::Network;
use crate::notify::Notifier;
use crate::registry::Registry;

pub use error::ApiError;
pub use location::External;
pub use upload_token::UploadSecret;

/// What the operator decides about the API.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// `http.prefix`: the path that everything but the liveness answer lies under, without a trailing slash; empty for none.
    pub prefix: String,
    /// How clients reach this server.
    pub external: External,
    /// `http.headers`: sent with every answer of the API.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `storage.delete.enabled`.
    pub delete_enabled: bool,
    /// `storage.maintenance.readonly.enabled`: the writing methods are gone.
    pub read_only: bool,
    /// `catalog.maxentries`: the largest `n` that the catalog takes.
    pub catalog_entries_max: usize,
    /// `tags.maxtags`: the largest page of tags; a larger `n` is cut to it.
    pub tags_page_max: usize,
    /// How many descriptors one page of a referrers list has.
    pub referrers_page_max: usize,
    /// The smallest chunk that clients are asked to send, in bytes; 0 asks for nothing. Smaller ones are taken all the same.
    pub chunk_bytes_min: u64,
    /// How clients are sent to the storage, where that gives URLs.
    pub redirect: Redirect,
}

/// `storage.redirect`, where it is not disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// For how many seconds a URL is good.
    pub seconds: u64,
    /// Smaller blobs are sent by this server.
    pub bytes_min: u64,
    /// Only clients in these networks are sent away; in any, if none is named.
    pub networks: Vec<Network>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            external: External::FromRequest,
            headers: Vec::new(),
            delete_enabled: false,
            read_only: false,
            catalog_entries_max: 1000,
            tags_page_max: 1000,
            referrers_page_max: 1000,
            chunk_bytes_min: 0,
            redirect: Redirect { seconds: 1200, bytes_min: 0, networks: Vec::new() },
        }
    }
}

/// The API: everything that a handler needs.
pub struct Api {
    registry: Arc<Registry>,
    auth: Arc<dyn AuthProvider>,
    secret: UploadSecret,
    options: ApiOptions,
    notifier: Arc<Notifier>,
}

impl Api {
    /// Puts the API together. `secret` must be the same on every replica that shares the storage.
    pub fn new(
        registry: Arc<Registry>,
        auth: Arc<dyn AuthProvider>,
        secret: UploadSecret,
        options: ApiOptions,
    ) -> Self {
        Self { registry, auth, secret, options, notifier: Arc::new(Notifier::silent()) }
    }

    /// Who is told of what the API does; nobody without this.
    #[must_use]
    pub fn notifying(mut self, notifier: Arc<Notifier>) -> Self {
        self.notifier = notifier;
        self
    }
}

/// The API as a service. One handler takes everything, because repository names hold slashes and paths are read from their
/// end ([`route`]).
pub fn router(api: Arc<Api>) -> Router {
    Router::new().fallback(move |request| {
        let api = api.clone();
        async move { dispatch::answer(&api, request).await }
    })
}
