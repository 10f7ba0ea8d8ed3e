use proptest::prelude::*;

use super::*;

fn http(text: &str) -> Pattern {
    Pattern::http(text).unwrap()
}

fn target(text: &str) -> Target {
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some((_, rest)) => (Scheme::Https, rest),
        None => (Scheme::Tcp, text),
    };
    let (host, port) = split_port(rest).unwrap();
    let port = port.map_or_else(|| scheme.default_port().unwrap(), |port| port.parse().unwrap());
    Target { scheme, host: host.parse().unwrap(), port }
}

#[test]
fn a_grant_reaches_what_it_names_and_no_more() {
    for (pattern, reached, refused) in [
        ("example.com", "https://example.com", "http://example.com"),
        ("example.com", "https://EXAMPLE.com.", "https://www.example.com"),
        ("https://example.com", "https://example.com:443", "https://example.com:8443"),
        ("http://example.com:8080", "http://example.com:8080", "http://example.com"),
        ("https://*.example.com", "https://a.b.example.com", "https://example.com"),
        ("https://*.example.com", "https://a.example.com", "https://evilexample.com"),
        ("https://*", "https://anything.test", "https://anything.test:8443"),
        ("https://*:*", "https://anything.test:8443", "http://anything.test"),
        ("*", "http://anything.test:1", "anything.test:1"),
        ("http://10.0.0.0/8:9000", "http://10.1.2.3:9000", "http://11.1.2.3:9000"),
        ("http://10.0.0.0/8:9000", "http://10.1.2.3:9000", "http://ten.test:9000"),
        ("http://[fd00::/8]:80", "http://[fd12::1]", "http://[fe80::1]"),
        ("http://127.0.0.1", "http://[::ffff:127.0.0.1]", "http://localhost"),
    ] {
        assert!(http(pattern).matches(&target(reached)), "{pattern} reaches {reached}");
        assert!(!http(pattern).matches(&target(refused)), "{pattern} refuses {refused}");
    }
    let smtp = Pattern::socket("smtp.example.com:587").unwrap();
    assert!(smtp.matches(&target("smtp.example.com:587")));
    assert!(!smtp.matches(&target("smtp.example.com:25")) && !smtp.matches(&target("http://smtp.example.com:587")));
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_sentence() {
    for text in [
        "",
        "ftp://example.com",
        "https://",
        "https://exa mple.com",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:+1",
        "https://example.com/path",
        "https://fe80::1",
        "https://[::1",
        "https://[::1]x",
        "https://ex*mple.com",
        "https://*.10.0.0.1",
        "https://10.0.0.1/8",
        "http://127.1",
        "http://0x7f.0x1",
        "http://2130706433",
        "https://user@example.com",
        "https://münchen.example",
        "https://[example.com]",
    ] {
        let problem = Pattern::http(text).unwrap_err();
        assert!(problem.len() > 10, "{text}: {problem}");
    }
    assert!(Pattern::socket("smtp.example.com").unwrap_err().contains("has no port"));
    assert!(Pattern::socket("http://smtp.example.com:25").is_err());
}

#[test]
fn both_the_ask_and_the_grant_are_needed() {
    for (ask, grant, both) in [
        ("*", "https://hooks.example.com", Some("https://hooks.example.com")),
        ("https://*.example.com", "https://*", Some("https://*.example.com")),
        ("https://*.example.com", "https://a.example.com", Some("https://a.example.com")),
        ("https://*.example.com", "https://*.b.example.com", Some("https://*.b.example.com")),
        ("https://*.example.com", "https://example.com", None),
        ("https://example.com", "http://example.com", None),
        ("https://example.com:*", "https://example.com:8443", Some("https://example.com:8443")),
        ("http://10.0.0.0/8:80", "http://10.1.0.0/16:80", Some("http://10.1.0.0/16")),
        ("http://10.0.0.0/8:80", "http://11.1.0.0/16:80", None),
        ("*", "*", Some("*")),
        ("https://[fd00::/8]", "*", Some("https://[fd00::/8]")),
    ] {
        let meet = http(ask).meet(&http(grant));
        assert_eq!(meet.map(|pattern| pattern.to_string()).as_deref(), both, "{ask} and {grant}");
        assert_eq!(http(grant).meet(&http(ask)), http(ask).meet(&http(grant)));
    }
}

fn hosts_of_a_small_world() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        "(\\*\\.)?([ab]\\.){0,2}[cd]",
        (0u8..3, 6u8..9).prop_map(|(second, prefix)| format!("10.{second}.0.0/{}", prefix + 8)),
        "10\\.[0-2]\\.0\\.[01]",
    ]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let port = prop_oneof![Just(String::new()), Just(":*".into()), Just(":443".into()), Just(":80".into())];
    let scheme = prop_oneof![Just("http"), Just("https")];
    prop_oneof![
        9 => (scheme, hosts_of_a_small_world(), port).prop_filter_map("no such block", |(scheme, host, port)| {
            Pattern::http(&format!("{scheme}://{host}{port}")).ok()
        }),
        1 => Just(http("*")),
    ]
}

fn targets() -> impl Strategy<Value = Target> {
    let host = prop_oneof!["([ab]\\.){0,2}[cd]", "10\\.[0-2]\\.0\\.[01]"];
    let scheme = prop_oneof![Just(Scheme::Http), Just(Scheme::Https)];
    (scheme, host, prop_oneof![Just(80u16), Just(443)]).prop_map(|(scheme, host, port)| Target {
        scheme,
        host: host.parse().unwrap(),
        port,
    })
}

proptest! {
    #[test]
    fn what_both_reach_is_what_each_reaches(ask in patterns(), grant in patterns(), target in targets()) {
        let both = ask.meet(&grant).is_some_and(|pattern| pattern.matches(&target));
        prop_assert_eq!(both, ask.matches(&target) && grant.matches(&target), "{} and {} for {}", ask, grant, target);
    }

    #[test]
    fn what_is_shown_is_read_back(pattern in patterns()) {
        prop_assert_eq!(Pattern::http(&pattern.to_string()).unwrap(), pattern);
    }

    #[test]
    fn no_text_ends_the_process(text in "(https?://)?[\\[\\]*.:/0-9a-fx]{0,30}|.*") {
        let _ = Pattern::http(&text);
        let _ = Pattern::socket(&text);
        let _ = text.parse::<Host>();
    }
}
