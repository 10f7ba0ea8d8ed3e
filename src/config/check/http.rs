//! `http`, apart from encryption.

use ::http::Uri;
use ::http::header::{HeaderName, HeaderValue};

use super::Checker;
use super::listeners::tcp_address;
use super::shapes::{join, shown};
use crate::config::Config;
use crate::config::http::{Http, Net};
use crate::config::value::ByteSize;

pub(super) fn check(checker: &mut Checker<'_>, config: &mut Config) {
    address(checker, &config.http);
    debug(checker, &config.http);
    prefix(checker, &config.http.prefix);
    host(checker, &mut config.http);
    headers(checker, &config.http);
    limits(checker, &config.http);
    if config.http.draintimeout.is_negative() {
        checker.warning("http.draintimeout", "is negative, which counts as 0");
    }
}

fn address(checker: &mut Checker<'_>, http: &Http) {
    let key = "http.addr";
    match http.net {
        Net::Unix if !checker.is_given(key) => {
            checker.mistake(key, "is missing; with net \"unix\" name the path of the socket");
        }
        Net::Unix => {}
        Net::Tcp => {
            if let Err(problem) = tcp_address(&http.addr) {
                checker.mistake(key, format!("{} {problem}", shown(&http.addr)));
            }
        }
    }
}

fn debug(checker: &mut Checker<'_>, http: &Http) {
    let key = "http.debug.addr";
    let debug = &http.debug;
    if !debug.addr.is_empty() {
        if let Err(problem) = tcp_address(&debug.addr) {
            checker.mistake(key, format!("{} {problem}", shown(&debug.addr)));
        } else if http.net == Net::Tcp && debug.addr == http.addr && !debug.addr.ends_with(":0") {
            checker.mistake(key, format!("is {}, as http.addr is; give it a port of its own", shown(&debug.addr)));
        }
    } else if debug.prometheus.enabled {
        let sentence = "metrics are served by the second server only, and http.debug.addr is not set";
        checker.warning("http.debug.prometheus.enabled", sentence);
    }
    if !debug.prometheus.path.starts_with('/') {
        let sentence = format!("is {}, but must start with \"/\"", shown(&debug.prometheus.path));
        checker.mistake("http.debug.prometheus.path", sentence);
    }
}

fn prefix(checker: &mut Checker<'_>, prefix: &str) {
    let fits = prefix.is_empty() || (prefix.starts_with('/') && prefix.parse::<Uri>().is_ok() && !prefix.contains('?'));
    if !fits {
        let sentence = format!("is {}, but must be a path that starts with \"/\", such as /registry/", shown(prefix));
        checker.mistake("http.prefix", sentence);
    }
}

/// `distribution` ignores a host that has no scheme or no host; a file that lives with that must go on living.
fn host(checker: &mut Checker<'_>, http: &mut Http) {
    if http.host.is_empty() {
        return;
    }
    let url = http.host.parse::<Uri>();
    if url.is_ok_and(|url| url.authority().is_some() && matches!(url.scheme_str(), Some("http" | "https"))) {
        return;
    }
    let sentence = format!(
        "{} is no URL with scheme and host, such as https://registry.example, and is ignored",
        shown(&http.host)
    );
    checker.warning("http.host", sentence);
    http.host.clear();
}

fn headers(checker: &mut Checker<'_>, http: &Http) {
    for (name, values) in &http.headers {
        let key = join("http.headers", name);
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            checker.mistake(&key, "is no name that a header can have");
        }
        if values.iter().any(|value| HeaderValue::from_str(value).is_err()) {
            checker.mistake(&key, "has a value that no header can have; leave out line breaks and control characters");
        }
    }
}

fn limits(checker: &mut Checker<'_>, http: &Http) {
    const HEADER_BYTES_MIN: ByteSize = ByteSize::kib(8);
    let limits = &http.limits;
    let key = |name: &str| join("http.limits", name);
    if limits.header_bytes_max < HEADER_BYTES_MIN {
        let sentence = format!("is {}, but must be at least {HEADER_BYTES_MIN}", limits.header_bytes_max);
        checker.mistake(&key("header_bytes_max"), sentence);
    }
    let counts = [
        ("headers_max", u64::from(limits.headers_max)),
        ("manifest_bytes_max", limits.manifest_bytes_max.get()),
        ("requests_max", u64::from(limits.requests_max)),
        ("connections_max", u64::from(limits.connections_max)),
        ("streams_max", u64::from(limits.streams_max)),
    ];
    for (name, _) in counts.iter().filter(|(_, count)| *count == 0) {
        checker.mistake(&key(name), "is 0, but must be at least 1: there is no value for \"unlimited\"");
    }
    let periods = [
        ("idle_timeout", limits.idle_timeout),
        ("handshake_timeout", limits.handshake_timeout),
        ("request_header_timeout", limits.request_header_timeout),
        ("body_idle_timeout", limits.body_idle_timeout),
        ("response_idle_timeout", limits.response_idle_timeout),
        ("retry_after", limits.retry_after),
    ];
    for (name, period) in periods.iter().filter(|(_, period)| period.is_zero()) {
        let sentence = format!("is {period}, but must be longer than nothing: there is no value for \"unlimited\"");
        checker.mistake(&key(name), sentence);
    }
}
