//! What is read and not used: sections that are not built yet, and sections that never will be.
//!
//! What only adds something is a warning. What a server would be wrong without (a proxy's mode,
//! middleware) is a mistake: a server that does something else than it was told must not start.

use super::Checker;
use super::nearest::nearest;
use super::shapes::join;
use crate::config::Config;
use crate::config::middleware::Piece;

/// The middleware of `distribution`, by the place where it is put.
const STORAGE_MIDDLEWARE: [&str; 4] = ["cloudfront", "redirect", "rewrite", "alicdn"];

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    middleware(checker, config);
    proxy(checker, config);
    unused(checker, config);
    old(checker, config);
}

fn middleware(checker: &mut Checker<'_>, config: &Config) {
    let middleware = &config.middleware;
    pieces(checker, "middleware.registry", &middleware.registry, &[]);
    pieces(checker, "middleware.repository", &middleware.repository, &[]);
    pieces(checker, "middleware.storage", &middleware.storage, &STORAGE_MIDDLEWARE);
}

fn pieces(checker: &mut Checker<'_>, key: &str, pieces: &[Piece], known: &[&str]) {
    for (index, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.disabled) {
        let key = format!("{key}[{index}]");
        let name = &piece.name;
        if name.is_empty() {
            checker.mistake(&join(&key, "name"), "is missing; name the middleware, or remove it");
        } else if known.contains(&name.as_str()) {
            checker.mistake(&key, format!("the middleware {name} is not active yet; remove it, or set disabled: true"));
        } else {
            let meant = nearest(name, known.iter().copied());
            let meant = meant.map(|meant| format!("did you mean \"{meant}\"?")).unwrap_or("remove it".to_owned());
            checker.mistake(&join(&key, "name"), format!("there is no middleware {name:?} here; {meant}"));
        }
    }
}

fn proxy(checker: &mut Checker<'_>, config: &Config) {
    let proxy = &config.proxy;
    if !proxy.remoteurl.is_empty() {
        let sentence = "the pull-through cache is not active yet; remove it to run a registry of your own content";
        checker.mistake("proxy.remoteurl", sentence);
    } else if !proxy.username.is_empty() || !proxy.password.is_empty() || proxy.exec.is_some() {
        checker.warning("proxy", "has no effect without proxy.remoteurl");
    }
}

/// Keys that tune or restrict what Wharf does in another way, or not at all yet.
fn unused(checker: &mut Checker<'_>, config: &Config) {
    if config.storage.tag.concurrencylimit != 0 {
        checker.warning("storage.tag.concurrencylimit", "is not active yet; 16 tag links are read at the same time");
    }
    // A server that accepts what it was told to refuse is worse than one that does not start.
    if !config.policy.repository.classes.is_empty() {
        let sentence = "is not active yet; remove it to accept every class of content";
        checker.mistake("policy.repository.classes", sentence);
    }
}

fn old(checker: &mut Checker<'_>, config: &Config) {
    if config.compatibility.schema1.enabled {
        let sentence = "manifests of Docker schema 1 are not stored any more; clients must push schema 2 or OCI";
        checker.warning("compatibility.schema1.enabled", sentence);
    }
    if !config.reporting.bugsnag.is_empty() || !config.reporting.newrelic.is_empty() {
        checker.warning("reporting", "Bugsnag and New Relic are not called; use the log and the metrics");
    }
}
