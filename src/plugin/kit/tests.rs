//! The kits themselves: they pass what keeps the contract, and catch what breaks one promise.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::storage;
use super::*;
use crate::config::plugin::{Directory, Plugin, Plugins};
use crate::config::value::Period;
use crate::plugin::Host;
use crate::storage::{StorageKey, behaviour};
use crate::telemetry::metrics::Metrics;

fn guest(name: &str) -> String {
    let folder = std::env::var_os("WHARF_GUESTS").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(3).expect("a target folder").join("guests")
    });
    let component = folder.join(format!("{name}.wasm"));
    assert!(component.is_file(), "{} is missing: run `cargo xtask guests`", component.display());
    component.display().to_string()
}

/// The fixture over a folder of its own, breaking a promise if it is told one.
async fn tried(name: &str, config: &[(&str, &str)], only: Option<&str>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let config: BTreeMap<_, _> = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let mut plugin = Plugin { component: guest(name), config, ..Plugin::default() };
    let directory = Directory { path: folder.path().to_owned(), guest: "/data".to_owned(), write: true };
    plugin.grants.directories.push(directory);
    // Short only for what hangs on purpose: on a busy machine, a good call may take as long.
    let is_broken = plugin.config.contains_key("break");
    plugin.limits.call_time_max = Period::secs(if is_broken { 2 } else { 60 });
    let host = Host::new(&Plugins::default(), Metrics::new().plugins());
    let behaviour = behaviour::Options {
        listing_keys: 300,
        rounds: 3,
        racers: 6,
        only: only.map(str::to_owned),
        ..behaviour::Options::default()
    };
    let options = storage::Options { prefix: StorageKey::parse("kit").unwrap(), behaviour };
    storage::run(&host, &plugin, None, &options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_keeps_the_contract_passes() {
    for (name, config) in [
        ("storage-fixture", &[][..]),
        ("storage-fixture", &[("plain", "true")]),
        ("storage-fixture", &[("streams", "false")]),
        ("storage-minimal", &[]),
    ] {
        let report = tried(name, config, None).await;
        assert!(report.passed(), "{name} {config:?}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_promise_is_caught() {
    let mut untold = Vec::new();
    for (mode, word) in [
        ("lose-chunk", "bytes, not"),
        ("disorder", "out of order"),
        ("short-read", "ends after"),
        ("long-read", "more than"),
        ("large-read", "asked for"),
        ("hang-in-finish", "took longer"),
        ("spin-in-finish", "took longer"),
        ("lie-in-finish", ""),
        ("wrong-size", "finish tells"),
        ("in-memory", ""),
        ("visible-early", ""),
        ("climb", "can't be"),
        ("endless", "empty page"),
        ("trap-in-write", "trapped"),
        ("not-found-when-away", ""),
    ] {
        for name in ["storage-fixture", "storage-minimal"] {
            let report = tried(name, &[("break", mode)], None).await;
            assert!(!report.passed(), "{name} with {mode} passed: {report}");
            if !report.to_string().contains(word) {
                untold.push(format!("{name} with {mode}: {report}"));
            }
        }
    }
    assert!(untold.is_empty(), "not told what is wrong:\n{}", untold.join("\n"));
}

/// The host makes most of what is asked of the smaller fixture, so what it is told must be right.
#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_answer_is_caught_by_the_case_about_it() {
    for (mode, only, word) in [
        ("duplicate", "a subtree comes in the order", ""),
        ("wrong-stat", "what is put comes back", "bytes, not"),
        ("wrong-meta", "what is put comes back", "ends after"),
        ("wrong-listed-size", "a listing shows sizes", "tells the sizes"),
        ("inclusive-range", "a range gives", "bytes"),
        ("shifted-range", "a range gives", "other bytes"),
        ("gap", "the old or the new object", "gone for a moment"),
        ("in-place", "the old or the new object", "nobody wrote so"),
        ("visible-on-drop", "a dropped writer", "a dropped writer"),
        ("forget-on-start", "what is put comes back", "another one"),
        ("keep-deleted", "what is deleted is gone", "deleted"),
    ] {
        let report = tried("storage-minimal", &[("break", mode)], Some(only)).await;
        assert!(!report.passed() && report.to_string().contains(word), "{mode}: {report}");
    }
}

/// What only a backend can break that tells such a thing of itself.
#[tokio::test(flavor = "multi_thread")]
async fn each_broken_promise_beyond_the_minimum_is_caught() {
    let appends = "appending elsewhere than at the end";
    for (config, only) in [
        ([("break", "both-win"), ("append", "")], "conditional writes"),
        ([("break", "append-keeps-tail"), ("append", "true")], appends),
        ([("break", "append-cuts-all"), ("append", "true")], appends),
    ] {
        let report = tried("storage-fixture", &config, Some(only)).await;
        assert!(!report.passed(), "{config:?}: {report}");
        let report = tried("storage-fixture", &config[1..], Some(only)).await;
        assert!(report.passed() && report.to_string().contains(only), "{config:?}: {report}");
    }
}

/// What the author's table and the invariants say of the auth fixture.
async fn asked(config: &[(&str, &str)], table: &str) -> Report {
    let config: BTreeMap<_, _> = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let plugin = Plugin { component: guest("auth-fixture"), config, ..Plugin::default() };
    let host = Host::new(&Plugins::default(), Metrics::new().plugins());
    auth::run(&host, &plugin, &auth::table::Table::parse(table).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auth_provider_is_held_to_its_table_and_to_what_holds_for_all() {
    let table = r#"
        [[request]]
        basic = "alice:secret"
        wanted = ["repository:a/b:pull,push"]
        expect = "granted"
        identity = "alice"
        [[request]]
        basic = "alice:wrong"
        expect = "challenge"
        contains = "realm="
    "#;
    let report = asked(&[], table).await;
    assert!(report.passed(), "{report}");
    for (config, word) in [
        ([("decision", "deny")], "denied"),
        ([("decision", "less")], "is granted without"),
        ([("misbehave", "trap")], "ended itself"),
        ([("time-to-live-ms", "4000000000")], "is to be remembered"),
        ([("decision", "elsewhere")], "is granted without"),
        ([("decision", "header-trap")], "ended itself"),
    ] {
        let report = asked(&config, table).await;
        assert!(!report.passed() && report.to_string().contains(word), "{config:?}: {report}");
    }
}

/// The host answers from a grant for as long as it says, and from all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_says_more_than_is_true_is_told() {
    let table = r#"
        [[request]]
        name = "alice pulls"
        basic = "alice:secret"
        wanted = ["repository:a/b:pull"]
        expect = "granted"
    "#;
    for (config, word) in [
        (&[("decision", "more")][..], "asking for that alone is denied"),
        (&[("decision", "dated"), ("time-to-live-ms", "20000")], "a moment before that is challenge"),
    ] {
        let report = asked(config, table).await;
        assert!(!report.passed() && report.to_string().contains(word), "{config:?}: {report}");
    }
    assert!(asked(&[("decision", "dated"), ("time-to-live-ms", "5000")], table).await.passed());
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_of_two_users_under_one_cache_key_are_told() {
    let table = r#"
        [[request]]
        basic = "alice:secret"
        [[request]]
        basic = "bob:secret"
    "#;
    let report = asked(&[("user", "*"), ("decision", "one-key")], table).await;
    assert!(!report.passed() && report.to_string().contains("refusing one forgets both"), "{report}");
    assert!(asked(&[("user", "*")], table).await.passed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_gives_one_outcome_for_each_event() {
    let tried = async |outcome: &str| {
        let (outcome, retry) = outcome.split_once(' ').unwrap_or((outcome, "100"));
        let subscribe = if outcome == "unsubscribed" { "nothing" } else { "push,panic,server" };
        let config = BTreeMap::from([
            ("outcome".to_owned(), outcome.into()),
            ("retry-after-ms".to_owned(), retry.into()),
            ("subscribe".to_owned(), subscribe.into()),
        ]);
        let mut plugin = Plugin { component: guest("hook-fixture"), config, ..Plugin::default() };
        plugin.limits.call_time_max = Period::secs(1);
        let host = Host::new(&Plugins::default(), Metrics::new().plugins());
        hook::run(&host, &plugin).await.unwrap()
    };
    for good in ["done", "retry", "drop"] {
        let report = tried(good).await;
        assert!(report.passed(), "{good}: {report}");
    }
    for (bad, word) in [
        ("short", "outcomes for"),
        ("long", "outcomes for"),
        ("trap", "ended itself"),
        ("sleep", "took longer than limits.call_time_max"),
        ("drop-silently", "without a reason"),
        ("retry 4000000000", "wanted again after"),
        ("unsubscribed", "never be called"),
    ] {
        let report = tried(bad).await;
        assert!(!report.passed() && report.to_string().contains(word), "{bad}: {report}");
    }
}
