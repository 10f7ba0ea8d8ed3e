//! The issuer: where its keys are, fetched over HTTP and kept in the key-value store, so that every instance has them.

use crate::keys::Keys;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use wharf_plugin_support::http::{Request, Url};
use wharf_plugin_support::wasi::keyvalue::store;
use wharf_plugin_support::wasi::logging::logging::{Level, log};

/// Where the keys are kept.
const NAMESPACE: &str = "default";
/// The largest document that is read.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// How long the issuer may take to answer.
const TIMEOUT_MS: u64 = 4000;
/// Keys that could not be renewed are used for so long.
const STALE_MS: u64 = 24 * 3600 * 1000;

/// The issuer can't be asked.
pub(crate) struct Unavailable(pub(crate) String);

/// The keys, and when they were asked for.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Known {
    /// When the issuer gave them, in milliseconds since 1970.
    fetched_ms: u64,
    /// When it was last asked, whatever came of it.
    asked_ms: u64,
    /// The keys.
    pub(crate) keys: Keys,
}

/// The keys that are kept, or those that the issuer has now if none are kept or they are old.
pub(crate) fn keys(settings: &Settings, now_ms: u64) -> Result<Known, Unavailable> {
    match kept(settings) {
        Some(known) if now_ms < known.fetched_ms.saturating_add(settings.keys_ms) => Ok(known),
        Some(known) if now_ms < known.fetched_ms.saturating_add(STALE_MS) => Ok(refreshed(settings, known, now_ms)),
        _ => {
            let known = Known { fetched_ms: now_ms, asked_ms: now_ms, keys: fetch(settings).map_err(Unavailable)? };
            keep(settings, &known);
            Ok(known)
        }
    }
}

/// The keys that the issuer has now, unless it was asked a moment ago or does not answer: then those that are known.
pub(crate) fn refreshed(settings: &Settings, mut known: Known, now_ms: u64) -> Known {
    if now_ms < known.asked_ms.saturating_add(settings.refresh_ms) {
        return known;
    }
    // Noted first: while one request waits for the issuer, others need not ask it too.
    known.asked_ms = now_ms;
    keep(settings, &known);
    match fetch(settings) {
        Ok(keys) => {
            known = Known { fetched_ms: now_ms, asked_ms: now_ms, keys };
            keep(settings, &known);
        }
        Err(reason) => log(Level::Warn, "oidc", &format!("the issuer's keys can't be renewed: {reason}")),
    }
    known
}

fn kept(settings: &Settings) -> Option<Known> {
    let bucket = store::open(NAMESPACE).ok()?;
    let bytes = bucket.get(&name(settings)).ok()??;
    serde_json::from_slice(&bytes).ok()
}

fn keep(settings: &Settings, known: &Known) {
    let kept = store::open(NAMESPACE).and_then(|bucket| {
        let bytes = serde_json::to_vec(known).map_err(|error| store::Error::Other(error.to_string()))?;
        bucket.set(&name(settings), &bytes)
    });
    if let Err(error) = kept {
        log(Level::Warn, "oidc", &format!("the issuer's keys can't be kept and are fetched each time: {error:?}"));
    }
}

fn name(settings: &Settings) -> String {
    match &settings.jwks_uri {
        Some(url) => format!("jwks {} {url}", settings.issuer),
        None => format!("jwks {}", settings.issuer),
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

fn fetch(settings: &Settings) -> Result<Keys, String> {
    let url = match &settings.jwks_uri {
        Some(url) => url.clone(),
        None => discover(settings)?,
    };
    Keys::parse(&document(&url)?)
}

/// Where the issuer says that its keys are (OpenID Connect Discovery 1.0, section 4).
fn discover(settings: &Settings) -> Result<Url, String> {
    let url = Url::parse(&format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/')))?;
    let discovery: Discovery =
        serde_json::from_slice(&document(&url)?).map_err(|_| format!("{url} has no readable discovery document"))?;
    if discovery.issuer != settings.issuer {
        return Err(format!(
            "{url} is of the issuer {}, which is another: write `issuer` as it stands there",
            discovery.issuer
        ));
    }
    let keys = Url::parse(&discovery.jwks_uri)?;
    if url.secure && !keys.secure {
        return Err(format!("{keys} is not under TLS, while the issuer is"));
    }
    Ok(keys)
}

fn document(url: &Url) -> Result<Vec<u8>, String> {
    let failed = |reason: String| format!("{url}: {reason}");
    let request = Request::new("GET", url).header("accept", "application/json").timeout_ms(TIMEOUT_MS);
    let mut response = request.send(&[]).map_err(|error| failed(error.to_string()))?;
    if !response.is_success() {
        return Err(failed(format!("it answered {}", response.status)));
    }
    response.body(DOCUMENT_BYTES_MAX).map_err(|error| failed(error.to_string()))
}
