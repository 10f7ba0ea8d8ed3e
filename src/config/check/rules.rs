//! `validation` and `health`: rules that a server applies later and that must be understood now.

use std::collections::HashSet;

use ::http::Uri;

use super::Checker;
use super::listeners::tcp_address;
use super::shapes::{join, shown};
use crate::config::Config;
use crate::config::validation::Platforms;

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    validation(checker, config);
    health(checker, config);
}

fn validation(checker: &mut Checker<'_>, config: &Config) {
    let manifests = &config.validation.manifests;
    for (name, expressions) in [("allow", &manifests.urls.allow), ("deny", &manifests.urls.deny)] {
        for (index, expression) in expressions.iter().enumerate() {
            if let Err(error) = regex::Regex::new(expression) {
                let key = format!("validation.manifests.urls.{name}[{index}]");
                checker.mistake(&key, format!("{} is no regular expression: {}", shown(expression), last_line(&error)));
            }
        }
    }
    if config.validation.enabled == Some(false) && !config.validation.disabled {
        let sentence = "has no effect: the rules apply unless validation.disabled is true";
        checker.warning("validation.enabled", sentence);
    }
    let indexes = &manifests.indexes;
    let key = "validation.manifests.indexes.platformlist";
    match (indexes.platforms, indexes.platformlist.is_empty()) {
        (Platforms::List, true) => {
            checker.warning(
                key,
                "is empty, so no child of an index need exist; list platforms, or set platforms to \"none\"",
            );
        }
        (Platforms::All | Platforms::None, false) => {
            checker.warning(key, "has no effect unless validation.manifests.indexes.platforms is \"list\"");
        }
        _ => {}
    }
}

/// The last line of the error of a regular expression; those before it draw the place, which one line cannot hold.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn health(checker: &mut Checker<'_>, config: &Config) {
    let health = &config.health;
    let mut names: HashSet<String> = HashSet::new();
    let mut once = |checker: &mut Checker<'_>, key: &str, name: String| {
        if !name.is_empty() && !names.insert(name.clone()) {
            checker.mistake(key, format!("{} is checked already; remove one of the two", shown(&name)));
        }
    };
    for (index, check) in health.file.iter().enumerate() {
        let key = format!("health.file[{index}].file");
        let name = check.file.display().to_string();
        checker.required(&key, name.is_empty(), "name the file whose existence means \"unhealthy\"");
        once(checker, &key, name);
        interval(checker, &format!("health.file[{index}]"), check.interval);
    }
    for (index, check) in health.http.iter().enumerate() {
        let key = format!("health.http[{index}].uri");
        checker.required(&key, check.uri.is_empty(), "give the URL to ask");
        let is_url = check.uri.parse::<Uri>().is_ok_and(|uri| uri.scheme().is_some());
        if !check.uri.is_empty() && !is_url {
            checker.mistake(&key, format!("{} is no URL, such as http://127.0.0.1:8080/ready", shown(&check.uri)));
        }
        once(checker, &key, check.uri.clone());
        interval(checker, &format!("health.http[{index}]"), check.interval);
    }
    for (index, check) in health.tcp.iter().enumerate() {
        let key = format!("health.tcp[{index}].addr");
        checker.required(&key, check.addr.is_empty(), "give the address to connect to");
        if let Err(problem) = tcp_address(&check.addr) {
            checker.mistake(&key, format!("{} {problem}", shown(&check.addr)));
        }
        once(checker, &key, check.addr.clone());
        interval(checker, &format!("health.tcp[{index}]"), check.interval);
    }
    if health.storagedriver.enabled {
        interval(checker, "health.storagedriver", health.storagedriver.interval);
    }
    if health.plugins.enabled {
        interval(checker, "health.plugins", health.plugins.interval);
    }
}

fn interval(checker: &mut Checker<'_>, key: &str, interval: crate::config::Period) {
    if interval.is_zero() {
        let sentence = format!("is {interval}, but must be longer than nothing, such as \"10s\"");
        checker.mistake(&join(key, "interval"), sentence);
    }
}
