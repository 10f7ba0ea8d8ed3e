//! `token`: JSON Web Tokens that a token server has signed.
//!
//! Clients without a token are sent to the token server, which checks who they are and says in the token what they may do.
//! This provider verifies the token's signature with the keys that the operator has configured, and its claims; it never asks
//! the token server anything.
//!
//! Follows the token specification of the Docker registry (`spec/auth/jwt`), RFC 7515, RFC 7517 and RFC 7519.

mod algorithm;
mod challenge;
mod claims;
mod jws;
mod key;
#[cfg(test)]
mod tests;
mod trust;
mod verify;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use self::algorithm::Algorithm;
use self::challenge::{TokenError, challenge};
pub use self::claims::Claims;
use self::claims::Expected;
pub use self::jws::{Header, Jws, KeyReference};
use self::trust::{Bundle, Keys, parse_key_set};
use self::verify::{Refusal, Trust, Verifier};
use super::challenge::check_quotable;
use super::credential::Credential;
use super::watched::Watched;
use super::{Access, AuthError, AuthProvider, AuthRequest, Decision, Identity, SetupError};

const NAME: &str = "token";

/// How big a bundle or a key set may be.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// For how long a change of these files may go unseen.
const FILE_AGE_MAX: Duration = Duration::from_millis(10);

/// What `token` needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// URL of the token server, which the challenge names.
    pub realm: String,
    /// The name of this registry: it goes to the token server, and a token must have it in `aud`.
    pub service: String,
    /// What a token must have in `iss`.
    pub issuer: String,
    /// PEM file with certificates. A token may be signed with the key of any of them, or with one that they vouch for.
    pub rootcertbundle: Option<PathBuf>,
    /// JWK Set file with keys that a token may be signed with.
    pub jwks: Option<PathBuf>,
    /// Names of the allowed algorithms. Empty: all but HMAC, which is never accepted.
    pub signingalgorithms: Vec<String>,
    /// Path of the token server on the host by which a client has reached this server; it replaces `realm` then.
    pub autoredirect_path: Option<String>,
    /// How far the clocks of the token server and of this one may be apart.
    pub leeway: Duration,
}

/// Verifies Bearer tokens.
pub struct Token {
    realm: String,
    autoredirect_path: Option<String>,
    bundle: Option<Watched<Bundle>>,
    key_set: Option<Watched<Keys>>,
    verifier: Verifier,
}

impl Token {
    /// Reads the keys. Blocks; meant for the start of the server.
    ///
    /// Fails when an option is empty, an algorithm is unknown, a file can't be used, or no key would be trusted. Both files
    /// are read again when they change; when a changed file can't be used, the keys that it held before still count and the
    /// log tells.
    pub fn open(options: Options) -> Result<Self, SetupError> {
        if options.autoredirect_path.is_none() {
            check_quotable("auth.token.realm", &options.realm)?;
        }
        check_quotable("auth.token.service", &options.service)?;
        if options.issuer.is_empty() {
            return Err(SetupError::new(
                "auth.token.issuer",
                "is empty; set it to what the token server puts into iss",
            ));
        }
        let allowed = Algorithm::allowed(&options.signingalgorithms)
            .map_err(|problem| SetupError::new("auth.token.signingalgorithms", problem))?;
        let bundle = watch("auth.token.rootcertbundle", options.rootcertbundle.as_deref(), Bundle::parse)?;
        let key_set = watch("auth.token.jwks", options.jwks.as_deref(), parse_key_set)?;
        if bundle.is_none() && key_set.is_none() {
            let problem = "no token could be verified: set rootcertbundle to a PEM file or jwks to a JWK Set file";
            return Err(SetupError::new("auth.token", problem));
        }
        let Options { realm, service, issuer, autoredirect_path, leeway, .. } = options;
        let verifier = Verifier::new(allowed, Expected { issuer, service, leeway });
        let verifier = verifier.map_err(|problem| SetupError::new("auth.token", problem))?;
        Ok(Self { realm, autoredirect_path, bundle, key_set, verifier })
    }

    async fn trust(&self) -> Trust {
        let bundle = match &self.bundle {
            Some(file) => Some(file.get(FILE_AGE_MAX).await),
            None => None,
        };
        let key_set = match &self.key_set {
            Some(file) => Some(file.get(FILE_AGE_MAX).await),
            None => None,
        };
        Trust { bundle, key_set }
    }

    fn challenge(&self, request: &AuthRequest<'_>, refusal: Refusal) -> Decision {
        let redirect = self.autoredirect_path.as_ref().and_then(|path| redirect(request, path));
        let realm = redirect.as_deref().unwrap_or(&self.realm);
        let service = &self.verifier.expected.service;
        let www_authenticate = challenge(realm, service, request.access, refusal.error);
        Decision::Challenge { www_authenticate, reason: refusal.reason }
    }
}

#[async_trait]
impl AuthProvider for Token {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn authorize(&self, request: AuthRequest<'_>) -> Result<Decision, AuthError> {
        let token = match Credential::of(request.headers) {
            Credential::Bearer(token) if !token.is_empty() => token,
            _ => return Ok(self.challenge(&request, Refusal::new(None, "no Bearer token was sent"))),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = match self.verifier.verify(token, &self.trust().await, now) {
            Ok(claims) => claims,
            Err(refusal) => return Ok(self.challenge(&request, refusal)),
        };
        let missing: Vec<&Access> = request.access.iter().filter(|access| !claims.grants(access)).collect();
        if missing.is_empty() {
            return Ok(Decision::Granted { identity: Identity { name: claims.sub.clone() }, time_to_live: None });
        }
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let reason = format!("the token of {:?} does not grant {}", claims.sub, missing.join(" "));
        Ok(self.challenge(&request, Refusal::new(Some(TokenError::InsufficientScope), reason)))
    }
}

/// The token server's address on the host that the client sees. Without a proxy's word on the scheme it is https, whatever
/// this connection is: passwords go there.
fn redirect(request: &AuthRequest<'_>, path: &str) -> Option<String> {
    let told = ["forwarded", "x-forwarded-proto"].iter().any(|name| request.headers.contains_key(*name));
    let scheme = if told { request.scheme } else { "https" };
    let usable = !request.host.is_empty() && request.host.bytes().all(|byte| byte.is_ascii_graphic());
    usable.then(|| format!("{scheme}://{}/{}", request.host, path.trim_start_matches('/')))
}

fn watch<T: Send + Sync + 'static>(
    key: &'static str,
    path: Option<&Path>,
    parse: fn(&[u8]) -> Result<T, String>,
) -> Result<Option<Watched<T>>, SetupError> {
    let Some(path) = path else { return Ok(None) };
    let shown = path.display().to_string();
    let parse = move |bytes: &[u8]| parse(bytes).map_err(|problem| format!("{shown} can't be used: {problem}"));
    Watched::open(path, FILE_BYTES_MAX, parse).map(Some).map_err(|problem| SetupError::new(key, problem))
}
