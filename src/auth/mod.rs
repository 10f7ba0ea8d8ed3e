//! Who may do what: the [`AuthProvider`] trait, and what implements it.
//!
//! The HTTP layer works out which [`Access`] a request needs (the scope table of `http::auth`), asks the one configured
//! provider once, with all of them, and turns the [`Decision`] into an answer. A credential that is presented and wrong is
//! refused; it is never passed on to another provider, and never treated as if none had been sent.
//!
//! | Module | What it does |
//! |---|---|
//! | [`none`] | lets everybody do everything |
//! | [`htpasswd`] | checks user names and passwords against a file of bcrypt hashes |
//! | [`token`] | checks tokens that a token server has signed |
//! | [`silly`] | wants an `Authorization` header, whatever stands in it; for tests of clients |
//! | [`rules`] | stands before one of these and says who may do what in which repository |
//!
//! docs/auth.md tells operators about them.

mod access;
mod challenge;
mod credential;
pub mod htpasswd;
mod keyed_hash;
pub mod none;
pub mod rules;
mod setup;
pub mod silly;
#[cfg(test)]
mod testing;
pub mod token;

mod watched;

pub(crate) use credential::Credential;
pub(crate) use keyed_hash::KeyedHash;
pub use setup::SetupError;

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

/// What a request is about to do, in the words of the token protocol: `type:name:action`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Access {
    /// Class of resource.
    pub resource: Resource,
    /// What is done with it.
    pub action: Action,
}

/// Something that access is given to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// A repository, by the name that stands in the request. It need not be a valid name: authorization comes first.
    Repository(String),
    /// `registry:catalog`: the list of all repositories.
    Catalog,
}

/// What is done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Read.
    Pull,
    /// Write: uploads, manifests, cancelling an upload.
    Push,
    /// Delete manifests, tags and blobs.
    Delete,
    /// `*`: everything; what the catalog asks for.
    All,
}

/// What a provider sees of a request.
#[derive(Debug, Clone, Copy)]
pub struct AuthRequest<'a> {
    /// The HTTP method.
    pub method: &'a http::Method,
    /// The path as it was sent, without the query.
    pub path: &'a str,
    /// The request's headers. Forwarding headers in it were written by anybody.
    pub headers: &'a http::HeaderMap,
    /// Everything that the request needs at once; empty for `/v2/`, which asks only who is there.
    pub access: &'a [Access],
    /// The TCP peer; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// `http` or `https`, as the client sees this server.
    pub scheme: &'a str,
    /// The host (and port) by which the client reached this server.
    pub host: &'a str,
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The user's name; empty when anonymous.
    pub name: String,
}

/// What a provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// All of the wanted access is granted.
    Granted {
        /// To whom.
        identity: Identity,
        /// How long this answer may be reused for the same credential and access; `None`: not at all.
        time_to_live: Option<Duration>,
    },
    /// 401: come back with (other) credentials.
    Challenge {
        /// The value of `WWW-Authenticate`.
        www_authenticate: String,
        /// For the log: why. Never sent, and never holding a secret.
        reason: String,
    },
    /// 403: known, and not allowed; other credentials of the same user would not help.
    Denied {
        /// What the client is told.
        reason: String,
    },
}

/// A provider that could not decide: its file can't be read, its service is away. The request is refused with 503 and the
/// reason goes to the log.
#[derive(Debug, thiserror::Error)]
#[error("auth provider {provider}: {reason}")]
pub struct AuthError {
    /// Which provider.
    pub provider: &'static str,
    /// What went wrong, for the operator.
    pub reason: String,
}

/// Decides about requests. Called once per request, before anything else is looked at (name, method, existence), with all the
/// access it needs; any number of calls run at once.
#[async_trait]
pub trait AuthProvider: Send + Sync + 'static {
    /// The provider's name, as it stands in the configuration: `htpasswd`, `token`…
    fn name(&self) -> &'static str;

    /// Decides. Must take the same time whether or not a user exists, and must not block the thread.
    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError>;
}

/// The user that Basic credentials claim to be from. Nobody has checked it: for events only, where a proxy in front may have.
pub fn claimed_user(headers: &http::HeaderMap) -> Option<String> {
    match credential::Credential::of(headers) {
        credential::Credential::Basic(basic) if !basic.user.is_empty() => Some(basic.user),
        _ => None,
    }
}
