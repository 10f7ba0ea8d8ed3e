use super::*;
use crate::config::plugin::{Directory, Grants};
use crate::config::value::Strings;
use crate::plugin::manifest::{AskedDirectory, Asks};

fn manifest(asks: Asks) -> Manifest {
    Manifest { asks, ..Manifest::default() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn file_secret(file: &Path) -> SecretSource {
    SecretSource { file: file.into(), env: String::new() }
}

#[test]
fn nothing_is_reached_without_both_sides() {
    let everything = Grants {
        hosts: Strings::one("https://example.com"),
        sockets: Strings::one("smtp.example.com:587"),
        tls: true,
        environment: [("TZ".to_owned(), "UTC".to_owned())].into(),
        keyvalue: Strings::one("tokens"),
        headers: Strings::one("Authorization"),
        serve: "/auth/x/".into(),
        ..Grants::default()
    };
    let asks = Asks {
        hosts: names(&["*"]),
        sockets: names(&["*:587"]),
        tls: true,
        environment: names(&["TZ", "LANG"]),
        keyvalue: names(&["tokens"]),
        headers: names(&["authorization"]),
        serve: true,
        ..Asks::default()
    };
    for (asks, grants) in [(Asks::default(), everything.clone()), (asks.clone(), Grants::default())] {
        let plan = Plan::of(&asks, &grants).unwrap();
        assert!(plan.http.is_empty() && plan.sockets.is_empty() && !plan.tls && plan.environment.is_empty());
        assert!(plan.keyvalue.is_empty() && plan.headers.is_empty() && plan.serve.is_none());
        assert!(plan.differences.len() >= 7, "{:?}", plan.differences);
    }
    let plan = Plan::of(&asks, &everything).unwrap();
    assert_eq!(plan.http.allowed()[0].to_string(), "https://example.com");
    assert_eq!(plan.sockets.allowed()[0].to_string(), "smtp.example.com:587");
    assert!(plan.tls && plan.headers.contains("authorization") && plan.serve.as_deref() == Some("/auth/x/"));
    let [difference] = plan.differences.as_slice() else { panic!("{:?}", plan.differences) };
    assert_eq!(
        difference.to_string(),
        "asks for environment \"LANG\", which is not granted; if it should have it, add it to grants.environment"
    );
}

#[test]
fn a_directory_is_written_to_only_when_both_say_so() {
    let directory = |guest: &str, write| Directory { path: "/tmp".into(), guest: guest.into(), write };
    let asked = |path: &str, write| AskedDirectory { path: path.into(), write };
    for (ask, grant, write) in [(true, true, true), (true, false, false), (false, true, false), (false, false, false)] {
        let asks = Asks { directories: vec![asked("/data/", ask)], ..Asks::default() };
        let grants = Grants { directories: vec![directory("/data", grant)], ..Grants::default() };
        let plan = Plan::of(&asks, &grants).unwrap();
        assert_eq!(plan.directories[0].write, write);
        assert_eq!(plan.differences.len(), usize::from(ask != grant));
    }
    let asks = Asks { directories: vec![asked("/etc", false)], ..Asks::default() };
    let grants = Grants { directories: vec![directory("/data", false), directory("data", false)], ..Grants::default() };
    let problems = Plan::of(&asks, &grants).unwrap_err();
    assert_eq!(problems, ["grants.directories: guest \"data\" is no absolute path; write \"/data\""]);
}

#[test]
fn all_that_cannot_be_read_is_told_at_once() {
    let grants = Grants {
        hosts: ["ftp://x", "https://ok.example"].into_iter().collect(),
        sockets: Strings::one("no-port"),
        networks: Strings::one("10.0.0.1/8"),
        ..Grants::default()
    };
    let problems = Plan::of(&Asks { hosts: names(&["a b"]), ..Asks::default() }, &grants).unwrap_err();
    for key in [
        "grants.hosts: \"ftp://x\"",
        "grants.sockets: \"no-port\"",
        "grants.networks: \"10.0.0.1/8\"",
        "asks.hosts of its manifest",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key} in {problems:?}");
    }
}

#[test]
fn a_secret_is_read_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let mut plugin = Plugin::default();
    plugin.config.insert("user".into(), "alice".into());
    plugin.config.insert("port".into(), 25.into());
    plugin.grants.secrets.insert("password".into(), file_secret(&file));
    let asks = Asks { secrets: names(&["password"]), ..Asks::default() };
    let permissions = Permissions::of(&manifest(asks.clone()), &plugin).unwrap();
    let get = |key: &str| permissions.configuration().get(key).map(Secret::expose);
    assert_eq!((get("password"), get("user"), get("port")), (Some("hunter2"), Some("alice"), Some("25")));
    assert!(!format!("{permissions:?} {:?}", permissions.plan()).contains("hunter2"));
    let without = Permissions::of(&manifest(Asks::default()), &plugin).unwrap();
    assert!(without.configuration().get("password").is_none(), "granted, but nobody asked");

    plugin.config.insert("password".into(), "in the open".into());
    let problem = Permissions::of(&manifest(asks.clone()), &plugin).unwrap_err();
    assert!(problem.contains("password stands in config and in grants.secrets"), "{problem}");
    plugin.config.remove("password");
    plugin.grants.secrets.insert("password".into(), file_secret(&directory.path().join("absent")));
    let problem = Permissions::of(&manifest(asks.clone()), &plugin).unwrap_err();
    assert!(problem.starts_with("grants.secrets.password: ") && problem.contains("absent can't be read"), "{problem}");
    plugin.grants.secrets.insert("password".into(), SecretSource::default());
    assert!(Permissions::of(&manifest(asks), &plugin).unwrap_err().contains("neither file nor env"));
}

#[test]
fn a_directory_or_authority_that_is_not_there_is_told_before_the_plugin_starts() {
    let mut plugin = Plugin::default();
    plugin.grants.hosts = Strings::one("https://example.com");
    plugin.grants.ca = "/nonexistent/ca.pem".into();
    plugin.grants.directories =
        vec![Directory { path: "/nonexistent/data".into(), guest: "/data".into(), write: false }];
    let directories = vec![AskedDirectory { path: "/data".into(), write: false }];
    let asks = Asks { hosts: names(&["*"]), directories, ..Asks::default() };
    let problem = Permissions::of(&manifest(asks), &plugin).unwrap_err();
    assert!(
        problem.contains("/nonexistent/data can't be opened") && problem.contains("grants.ca: /nonexistent/ca.pem"),
        "{problem}"
    );
}
