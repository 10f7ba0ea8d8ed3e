//! What is read and not used: sections that are not built yet, and sections that never will be.
//!
//! What only adds something (notifications, mail) is a warning. What a server would be wrong without (a proxy's mode,
//! middleware) is a mistake: a server that does something else than it was told must not start.

use super::Checker;
use super::nearest::nearest;
use super::shapes::join;
use crate::config::Config;
use crate::config::middleware::Piece;
use crate::config::storage::Cache;

/// Levels of a mail hook; an unknown word counts as `panic` in `distribution`.
const HOOK_LEVELS: [&str; 8] = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];

/// The middleware of `distribution`, by the place where it is put.
const STORAGE_MIDDLEWARE: [&str; 4] = ["cloudfront", "redirect", "rewrite", "alicdn"];

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    hooks(checker, config);
    notifications(checker, config);
    middleware(checker, config);
    proxy(checker, config);
    unused(checker, config);
    old(checker, config);
}

fn hooks(checker: &mut Checker<'_>, config: &Config) {
    for (index, hook) in config.log.hooks.iter().enumerate().filter(|(_, hook)| !hook.disabled) {
        let key = format!("log.hooks[{index}]");
        match hook.kind.as_str() {
            "mail" => checker.warning(&key, "mail hooks of the log are not active yet; nothing is sent"),
            "plugin" => match &hook.plugin {
                Some(plugin) => {
                    super::plugin::plugin(checker, &join(&key, "plugin"), plugin, None);
                    checker.warning(&key, "plugin hooks of the log are not active yet; nothing is sent");
                }
                None => checker.mistake(&join(&key, "plugin"), "is missing; name the component"),
            },
            "" => checker.mistake(&join(&key, "type"), "is missing; write \"mail\" or \"plugin\""),
            _ => checker.warning(
                &join(&key, "type"),
                "there are log hooks of type \"mail\" and \"plugin\"; this one is ignored",
            ),
        }
        for level in hook.levels.iter().filter(|level| !HOOK_LEVELS.contains(&level.to_lowercase().as_str())) {
            let meant = nearest(level, HOOK_LEVELS).unwrap_or("panic");
            let sentence = format!("{level:?} is no level and counts as \"panic\"; did you mean \"{meant}\"?");
            checker.warning(&join(&key, "levels"), sentence);
        }
    }
}

fn notifications(checker: &mut Checker<'_>, config: &Config) {
    for (index, endpoint) in config.notifications.endpoints.iter().enumerate() {
        let key = format!("notifications.endpoints[{index}]");
        if endpoint.disabled {
            continue;
        }
        checker.warning(&key, "notifications are not active yet; no event is sent to this endpoint");
        if endpoint.url.parse::<::http::Uri>().ok().is_none_or(|url| url.scheme().is_none()) {
            checker.warning(&join(&key, "url"), "is no URL; no event could ever be sent there");
        }
    }
    for (index, plugin) in config.notifications.plugins.iter().enumerate() {
        let key = format!("notifications.plugins[{index}]");
        super::plugin::plugin(checker, &key, plugin, None);
        checker.warning(&key, "notification plugins are not active yet; no event is given to this one");
    }
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
    if config.storage.cache.blobdescriptorsize != Cache::default().blobdescriptorsize {
        let sentence = "is not active yet; how much is cached in memory is bounded by storage.cache.manifest_bytes_max";
        checker.warning("storage.cache.blobdescriptorsize", sentence);
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
