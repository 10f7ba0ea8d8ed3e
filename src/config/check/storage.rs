//! `storage`.

use super::shapes::join;
use super::{Checker, Dialect, drivers};
use crate::config::Config;
use crate::config::storage::{Driver, Filesystem, Requests, Storage};
use crate::config::value::Network;

/// Directory of the storage when nothing says otherwise.
const DIRECTORY: &str = "wharf-data";

/// The keys of `storage` that choose a driver.
const DRIVERS: [&str; 8] = ["filesystem", "inmemory", "s3", "oss", "azure", "gcs", "swift", "plugin"];

pub(super) fn check(checker: &mut Checker<'_>, config: &mut Config) {
    one_driver(checker, &mut config.storage);
    if let Some(plugin) = &config.storage.plugin {
        super::plugin::plugin(checker, "storage.plugin", plugin, None);
    }
    match config.storage.native() {
        Some(Driver::Filesystem(filesystem)) => {
            let empty = filesystem.rootdirectory.as_os_str().is_empty();
            let key = "storage.filesystem.rootdirectory";
            checker.required(key, empty, "name a directory such as /var/lib/registry");
        }
        Some(driver) => drivers::check(checker, driver),
        None => {}
    }
    for text in config.storage.redirect.networks.iter() {
        if let Err(problem) = text.parse::<Network>() {
            checker.mistake("storage.redirect.networks", problem);
        }
    }
    requests(checker, &config.storage.requests);
    let purging = &config.storage.maintenance.uploadpurging;
    if purging.enabled {
        for (name, period) in [("age", purging.age), ("interval", purging.interval)] {
            if period.is_zero() {
                let key = join("storage.maintenance.uploadpurging", name);
                checker.mistake(&key, format!("is {period}, but must be longer than nothing; or set enabled to false"));
            }
        }
    }
}

fn requests(checker: &mut Checker<'_>, requests: &Requests) {
    let key = |name: &str| join("storage.requests", name);
    let counts = [
        ("concurrent_max", requests.concurrent_max),
        ("attempts_max", requests.attempts_max),
        ("breaker_failures", requests.breaker_failures),
    ];
    for (name, _) in counts.iter().filter(|(_, count)| *count == 0) {
        checker.mistake(&key(name), "is 0, but must be at least 1: there is no value for \"unlimited\"");
    }
    let periods = [
        ("connect_timeout", requests.connect_timeout),
        ("answer_timeout", requests.answer_timeout),
        ("work_timeout", requests.work_timeout),
        ("body_idle_timeout", requests.body_idle_timeout),
        ("deadline", requests.deadline),
        ("breaker_pause", requests.breaker_pause),
    ];
    for (name, period) in periods.iter().filter(|(_, period)| period.is_zero()) {
        let sentence = format!("is {period}, but must be longer than nothing: there is no value for \"unlimited\"");
        checker.mistake(&key(name), sentence);
    }
}

/// Exactly one driver, or a plugin and what lies below it. Without any, Wharf's own files and no file at all mean a
/// local directory; a file for `distribution` must name one, as it must there.
fn one_driver(checker: &mut Checker<'_>, storage: &mut Storage) {
    let given: Vec<&str> = DRIVERS.into_iter().filter(|driver| is_some(storage, driver)).collect();
    match given.as_slice() {
        [_] | [_, "plugin"] => {}
        [] if checker.dialect == Dialect::Yaml => {
            let mend = "no driver is given; name one, such as filesystem with its rootdirectory";
            checker.mistake("storage", mend);
        }
        [] => {
            let rootdirectory = DIRECTORY.into();
            storage.filesystem = Some(Filesystem { rootdirectory, ..Filesystem::default() });
        }
        several => {
            let places: Vec<String> = several
                .iter()
                .map(|driver| format!("{driver} ({})", checker.root.origin_of(&join("storage", driver))))
                .collect();
            let last = several.last().copied().unwrap_or_default();
            let sentence = format!(
                "there must be one driver, but there are {}; keep one. By environment, REGISTRY_STORAGE={last} replaces the \
                 whole section of the file",
                places.join(" and ")
            );
            checker.mistake("storage", sentence);
        }
    }
}

fn is_some(storage: &Storage, driver: &str) -> bool {
    match driver {
        "filesystem" => storage.filesystem.is_some(),
        "inmemory" => storage.inmemory.is_some(),
        "s3" => storage.s3.is_some(),
        "oss" => storage.oss.is_some(),
        "azure" => storage.azure.is_some(),
        "gcs" => storage.gcs.is_some(),
        "swift" => storage.swift.is_some(),
        "plugin" => storage.plugin.is_some(),
        _ => false,
    }
}
