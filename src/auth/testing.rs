//! Requests and decisions for the tests of the providers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};

use super::{Access, Action, AuthRequest, Decision, Resource};

pub(super) fn access(repository: &str, action: Action) -> Access {
    Access { resource: Resource::Repository(repository.to_owned()), action }
}

pub(super) fn pull(repository: &str) -> Access {
    access(repository, Action::Pull)
}

pub(super) fn push(repository: &str) -> Access {
    access(repository, Action::Push)
}

pub(super) fn catalog() -> Access {
    Access { resource: Resource::Catalog, action: Action::All }
}

/// Owns what an [`AuthRequest`] borrows.
pub(super) struct Request {
    pub(super) headers: HeaderMap,
    access: Vec<Access>,
}

impl Request {
    pub(super) fn new(access: &[Access]) -> Self {
        Self { headers: HeaderMap::new(), access: access.to_vec() }
    }

    pub(super) fn authorization(mut self, value: &str) -> Self {
        self.headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        self
    }

    pub(super) fn basic(self, user: &str, password: &str) -> Self {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        self.authorization(&value)
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.authorization(&format!("Bearer {token}"))
    }

    pub(super) fn get(&self) -> AuthRequest<'_> {
        AuthRequest {
            method: &Method::GET,
            path: "/v2/",
            headers: &self.headers,
            access: &self.access,
            peer: None,
            scheme: "https",
            host: "registry.example:5000",
        }
    }
}

/// The name to which everything was granted.
pub(super) fn granted(decision: Decision) -> String {
    match decision {
        Decision::Granted { identity, .. } => identity.name,
        other => panic!("not granted: {other:?}"),
    }
}

/// The challenge and the reason for the log.
pub(super) fn challenged(decision: Decision) -> (String, String) {
    match decision {
        Decision::Challenge { www_authenticate, reason } => (www_authenticate, reason),
        other => panic!("not challenged: {other:?}"),
    }
}
