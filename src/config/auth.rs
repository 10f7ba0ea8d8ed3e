//! `auth`: the auth provider and the access rules.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plugin::Plugin;
use super::value::{Period, Strings};

/// Who may do what. At most one provider; without one (or with `none`) nobody is asked who they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Asks nobody. The same as no provider at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<NoAuth>,
    /// Basic authentication against a file of bcrypt hashes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub htpasswd: Option<Htpasswd>,
    /// Bearer tokens made by a token server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// Lets anybody in who sends an `Authorization` header, whatever it holds. For tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silly: Option<Silly>,
    /// A WebAssembly component. With `on-failure: native` one of the others stands beside it, and decides while it is out of
    /// service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// Access rules. Empty: whoever the provider lets in may do everything that it grants. Otherwise a request needs, beside
    /// the provider's consent, for each thing that it does a rule that allows it; there is no rule that forbids.
    pub access: Vec<AccessRule>,
}

/// The configured provider with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Provider<'a> {
    /// `none`, or no provider.
    None,
    /// `htpasswd`
    Htpasswd(&'a Htpasswd),
    /// `token`
    Token(&'a Token),
    /// `silly`
    Silly(&'a Silly),
    /// `plugin`
    Plugin(&'a Plugin),
}

impl Provider<'_> {
    /// The provider's key in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Htpasswd(_) => "htpasswd",
            Self::Token(_) => "token",
            Self::Silly(_) => "silly",
            Self::Plugin(_) => "plugin",
        }
    }
}

impl Auth {
    /// The configured provider. A loaded configuration has at most one, and beside a plugin at most one to fall back to.
    pub fn provider(&self) -> Provider<'_> {
        self.plugin.as_ref().map_or_else(|| self.native(), Provider::Plugin)
    }

    /// The built-in provider: the configured one, or the one that stands beside a plugin to take over when the plugin fails.
    pub fn native(&self) -> Provider<'_> {
        None.or(self.htpasswd.as_ref().map(Provider::Htpasswd))
            .or(self.token.as_ref().map(Provider::Token))
            .or(self.silly.as_ref().map(Provider::Silly))
            .unwrap_or(Provider::None)
    }
}

/// The `none` provider. It has no parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoAuth {}

/// The `htpasswd` provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Htpasswd {
    /// Realm of the challenge; required.
    pub realm: String,
    /// The file, as `htpasswd -B` writes it; required. Users added while the server runs can log in. A missing file is made
    /// with a user `docker` and a random password that is logged once.
    pub path: PathBuf,
    /// Verified passwords remembered at most, so that bcrypt runs once per user and password and not once per request.
    pub verified_entries_max: u64,
}

impl Default for Htpasswd {
    fn default() -> Self {
        Self { realm: String::new(), path: PathBuf::new(), verified_entries_max: 1024 }
    }
}

/// The `token` provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// URL of the token server; required.
    pub realm: String,
    /// Name of this service, which a token must have in `aud`; required.
    pub service: String,
    /// Who must have issued a token (`iss`); required.
    pub issuer: String,
    /// PEM file with the certificates that tokens may be signed with. This or `jwks` must give at least one key.
    pub rootcertbundle: PathBuf,
    /// JWKS file with the keys that tokens may be signed with.
    pub jwks: PathBuf,
    /// Accepted algorithms; empty accepts every asymmetric one. `HS…` is never accepted: a public key is no secret.
    pub signingalgorithms: Strings,
    /// Sends clients to `autoredirectpath` on the host by which they reached this server, instead of to `realm`.
    pub autoredirect: bool,
    /// Path for `autoredirect`.
    pub autoredirectpath: String,
    /// How far the clocks of the token server and of this one may be apart.
    pub leeway: Period,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            realm: String::new(),
            service: String::new(),
            issuer: String::new(),
            rootcertbundle: PathBuf::new(),
            jwks: PathBuf::new(),
            signingalgorithms: Strings::default(),
            autoredirect: false,
            autoredirectpath: "/auth/token".to_owned(),
            leeway: Period::secs(60),
        }
    }
}

/// The `silly` provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Silly {
    /// Realm of the challenge; required.
    pub realm: String,
    /// Service of the challenge; required.
    pub service: String,
}

/// One access rule: all of these may do all of that in any of those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessRule {
    /// Users by name. `*` and `anonymous` both mean everybody, logged in or not; `authenticated` is everybody who is logged in.
    /// One or a list.
    pub who: Strings,
    /// Globs over repository names: `*` and `?` within one component, `**` across components, `{a,b}`, `[a-z]`. One or a list.
    pub repositories: Strings,
    /// `pull`; `push`, which includes pull; `delete`; `catalog`, the list of all repositories; `*`, which is all of them, the
    /// catalog only in a rule for the repositories `**`. One or a list.
    pub actions: Strings,
}

impl Default for AccessRule {
    fn default() -> Self {
        Self { who: Strings::default(), repositories: Strings::one("**"), actions: Strings::one("pull") }
    }
}
