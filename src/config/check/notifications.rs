//! `notifications` and `log.hooks`: who is told what happens.

use super::Checker;
use super::nearest::nearest;
use super::shapes::{join, shown};
use crate::config::Config;
use crate::config::log::LogHook;
use crate::config::notifications::{Endpoint, Notifications};

/// Levels of a hook; an unknown word counts as `panic` in `distribution`.
const LEVELS: [&str; 8] = ["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];
/// What is done to repositories.
const ACTIONS: [&str; 4] = ["push", "pull", "mount", "delete"];

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) {
    for (index, hook) in config.log.hooks.iter().enumerate().filter(|(_, hook)| !hook.disabled) {
        self::hook(checker, &format!("log.hooks[{index}]"), hook);
    }
    notifications(checker, &config.notifications);
}

fn hook(checker: &mut Checker<'_>, key: &str, hook: &LogHook) {
    levels(checker, key, &hook.levels);
    match hook.kind.as_str() {
        "mail" => mail(checker, key, hook),
        "plugin" => match &hook.plugin {
            Some(plugin) => super::plugin::plugin(checker, &join(key, "plugin"), plugin, None),
            None => checker.mistake(&join(key, "plugin"), "is missing; name the component"),
        },
        "" => checker.mistake(&join(key, "type"), "is missing; write \"mail\" or \"plugin\""),
        _ => {
            let sentence = "there is no log hook of this type but \"mail\" and \"plugin\"; it is ignored";
            checker.warning(&join(key, "type"), sentence);
            return;
        }
    }
    if hook.levels.is_empty() {
        checker.warning(&join(key, "levels"), "is missing, so nothing is ever sent; write \"panic\"");
    }
}

fn mail(checker: &mut Checker<'_>, key: &str, hook: &LogHook) {
    let options = &hook.options;
    let has_port = |addr: &str| {
        addr.rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    // Nothing is worse than a hook for emergencies that turns out not to work in one; but `distribution` starts.
    if !has_port(&options.smtp.addr) {
        let addr = shown(&options.smtp.addr);
        let sentence = format!("is {addr}, but must be host:port, such as mail.example:587; no mail is sent");
        checker.warning(&join(key, "options.smtp.addr"), sentence);
    }
    if !options.from.contains('@') {
        checker.warning(&join(key, "options.from"), "is no mail address; no mail is sent");
    }
    if options.to.is_empty() || options.to.iter().any(|to| !to.contains('@')) {
        checker.warning(&join(key, "options.to"), "must be a list of mail addresses; no mail is sent");
    }
}

fn notifications(checker: &mut Checker<'_>, notifications: &Notifications) {
    for (index, endpoint) in notifications.endpoints.iter().enumerate().filter(|(_, endpoint)| !endpoint.disabled) {
        self::endpoint(checker, &format!("notifications.endpoints[{index}]"), endpoint);
    }
    for (index, plugin) in notifications.plugins.iter().enumerate() {
        let key = format!("notifications.plugins[{index}]");
        super::plugin::plugin(checker, &key, &plugin.plugin, None);
        levels(checker, &key, &plugin.levels);
        for action in plugin.actions.iter().filter(|action| !ACTIONS.contains(&action.as_str())) {
            let sentence = format!("{} is no action; write {}", shown(action), ACTIONS.join(", "));
            checker.mistake(&join(&key, "actions"), sentence);
        }
    }
    let queue = &notifications.queue;
    for (name, is_zero) in [
        ("events_max", queue.events_max == 0),
        ("bytes_max", queue.bytes_max.get() == 0),
        ("age_max", queue.age_max.is_zero()),
    ] {
        if is_zero {
            checker.mistake(&format!("notifications.queue.{name}"), "must be more than nothing");
        }
    }
}

fn endpoint(checker: &mut Checker<'_>, key: &str, endpoint: &Endpoint) {
    let is_url =
        endpoint.url.parse::<::http::Uri>().is_ok_and(|url| matches!(url.scheme_str(), Some("http" | "https")));
    if !is_url {
        checker.warning(&join(key, "url"), "is no URL such as https://example.org/events; no event is sent there");
    }
    for action in endpoint.ignore.actions.iter().filter(|action| !ACTIONS.contains(&action.as_str())) {
        let meant = nearest(action, ACTIONS).map(|meant| format!("; did you mean \"{meant}\"?")).unwrap_or_default();
        checker.warning(&join(key, "ignore.actions"), format!("{} is no action{meant}", shown(action)));
    }
}

fn levels(checker: &mut Checker<'_>, key: &str, levels: &[String]) {
    for level in levels.iter().filter(|level| !LEVELS.contains(&level.to_lowercase().as_str())) {
        let meant = nearest(level, LEVELS).unwrap_or("panic");
        let sentence = format!("{level:?} is no level and counts as \"panic\"; did you mean \"{meant}\"?");
        checker.warning(&join(key, "levels"), sentence);
    }
}
