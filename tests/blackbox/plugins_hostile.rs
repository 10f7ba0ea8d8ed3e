//! Components that do what they must not: the server lives, the request is refused, and the operator is told which limit it was.

use std::time::{Duration, Instant};

use crate::support::patience::wait_until;
use crate::support::plugin::{behind, guest};
use crate::support::{Request, Server};

const LIMITS: &str = "limits: {call_time_max: 300ms, memory_bytes_max: 16MiB, failures_max: 1000}";

/// Misbehaves for every request whose path holds `evil`.
fn misbehaving(how: &str, instances: &str) -> Server {
    let lines = format!("config: {{misbehave: {how}, misbehave-path: evil}}\n{LIMITS}\ninstances: {instances}");
    behind(&guest("auth-fixture"), &lines).start()
}

fn errors(server: &Server, case: &str) -> f64 {
    server.metric(&format!("wharf_plugin_errors_total{{plugin=\"auth\",case=\"{case}\"}}"))
}

/// What misbehaves is refused and told of, and what behaves goes on beside it, in either way of using instances.
#[track_caller]
fn check(how: &str, case: &str, told: &str) {
    for instances in ["fresh", "warm"] {
        let server = misbehaving(how, instances);
        server.get_as("/v2/good/tags/list", "alice", "secret").expect(404);
        for _ in 0..3 {
            server.get_as("/v2/evil/tags/list", "alice", "secret").expect(503).the("retry-after");
            server.get_as("/v2/good/tags/list", "alice", "secret").expect(404);
        }
        server.wait_for_log(told);
        assert_eq!(errors(&server, case), 3.0, "{instances}");
        assert_eq!(server.metric("wharf_plugin_restarts_total{plugin=\"auth\"}"), 3.0, "{instances}");
    }
}

#[test]
fn an_endless_loop_is_ended() {
    check("loop", "time", "limits.call_time_max (300ms)");
}

#[test]
fn a_sleep_in_a_host_call_is_ended() {
    check("sleep", "time", "limits.call_time_max (300ms)");
}

#[test]
fn a_memory_bomb_is_told_by_its_limit_and_not_as_a_trap() {
    check("memory", "memory", "limits.memory_bytes_max (16MiB)");
}

#[test]
fn an_endless_recursion_is_ended() {
    check("recursion", "trap", "recursion without an end");
}

#[test]
fn a_trap_ends_its_instance_only() {
    check("trap", "trap", "it ended itself");
}

#[test]
fn loops_on_every_thread_let_others_go_on() {
    let server = misbehaving("loop", "fresh");
    std::thread::scope(|scope| {
        let evil: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| server.get_as("/v2/evil/tags/list", "alice", "secret").expect(503)))
            .collect();
        let begin = Instant::now();
        server.get_as("/v2/good/tags/list", "alice", "secret").expect(404);
        assert!(begin.elapsed() < Duration::from_secs(10));
        evil.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    });
    assert_eq!(errors(&server, "time"), 8.0);
}

#[test]
fn one_that_keeps_failing_is_left_alone_for_a_while() {
    let lines = "config: {misbehave: trap, misbehave-path: evil}\nlimits: {failures_max: 3, failure_backoff: 1s}";
    let server = behind(&guest("auth-fixture"), lines).start();
    for _ in 0..3 {
        server.get_as("/v2/evil/tags/list", "alice", "secret").expect(503);
    }
    server.wait_for_log("out of service for 1s after 3 failures in a row");
    server.get_as("/v2/good/tags/list", "alice", "secret").expect(503);
    assert!(errors(&server, "failing") >= 1.0);
    let listed = server.plugin_done(&["list"]);
    assert!(listed.contains("out of service"), "{listed}");
    let comes_back = || server.get_as("/v2/good/tags/list", "alice", "secret").status == 404;
    wait_until(comes_back, || "it never comes back".to_owned());
    server.wait_for_log("in service again");
}

#[test]
fn calls_beyond_the_instances_wait_and_then_fail() {
    let lines = "config: {misbehave: sleep, misbehave-path: evil}\n\
                 limits: {instances_max: 1, queue_time_max: 200ms, call_time_max: 2s, failures_max: 1000}";
    let server = behind(&guest("auth-fixture"), lines).start();
    std::thread::scope(|scope| {
        let evil = scope.spawn(|| server.get_as("/v2/evil/tags/list", "alice", "secret").expect(503));
        let had_to_wait = || server.get_as("/v2/good/tags/list", "alice", "secret").status == 503;
        wait_until(had_to_wait, || "nothing had to wait".to_owned());
        evil.join().unwrap();
    });
    server.wait_for_log("all 1 of limits.instances_max are busy");
    server.get_as("/v2/good/tags/list", "alice", "secret").expect(404);
}

#[test]
fn one_that_does_not_start_ends_the_start_with_the_reason() {
    for (lines, words) in [
        ("config: {init: config}", &["config.first", "config.second", "init"][..]),
        ("config: {init: unavailable}", &["is away"]),
        ("config: {health: error}", &["health", "the test says so"]),
        ("config: {misbehave: loop, misbehave-in: init}\nlimits: {start_time_max: 300ms}", &["limits.start_time_max"]),
        ("config: {misbehave: trap, misbehave-in: health}", &["health", "ended itself"]),
        ("limits: {memory_bytes_max: 64KiB}", &["limits.memory_bytes_max"]),
        ("limits: {component_bytes_max: 1KiB}", &["limits.component_bytes_max"]),
    ] {
        let (status, log) = behind(&guest("auth-fixture"), lines).run_to_the_end();
        assert_eq!(status.code(), Some(1), "{lines}");
        for word in words.iter().chain(&["plugin auth"]) {
            assert!(log.contains(word), "{lines}: {word:?} is not in\n{log}");
        }
    }
}

#[test]
fn a_flood_of_the_log_is_cut_off() {
    let lines = "config: {misbehave: flood, misbehave-path: evil}\nlimits: {log_lines_per_second_max: 10}";
    let server = behind(&guest("auth-fixture"), lines).start();
    server.send(Request::get("/v2/evil/tags/list"));
    server.get_as("/v2/good/tags/list", "alice", "secret").expect(404);
    let lines = server.log().matches("xxxxxxxx").count();
    assert!(server.log().lines().filter(|line| line.contains("xxxxxxxx")).count() < 500, "{lines}");
    assert!(server.metric("wharf_plugin_log_lines_dropped_total{plugin=\"auth\"}") > 1000.0);
}

/// Four megabytes where a line is expected.
#[test]
fn giant_answers_are_cut_or_refused() {
    for (decision, status) in [("giant-challenge", 401), ("giant-denial", 403), ("giant-name", 403)] {
        let server = behind(&guest("auth-fixture"), &format!("config: {{decision: {decision}}}")).start();
        let answer = server.get_as("/v2/team/app/tags/list", "alice", "secret").expect(status);
        let headers: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(headers < 10_000 && answer.body.len() < 10_000, "{decision}: {headers} {}", answer.body.len());
        server.get("/v2/").expect(if status == 401 { 401 } else { 403 });
        assert!(server.log().lines().all(|line| line.len() < 20_000), "{decision}");
    }
}

#[test]
fn a_line_of_a_plugin_forges_no_other_and_moves_no_cursor() {
    let server = behind(&guest("auth-fixture"), "config: {misbehave: forge}").start();
    server.get_as("/v2/", "alice", "secret").expect(200);
    server.wait_for_log("forged");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("forged")).unwrap();
    assert!(line.contains("plugin=auth") && !line.contains(['\u{1b}', '\r', '\u{7}']), "{line}");
    assert!(!log.lines().any(|line| line.starts_with("level=error")), "{log}");
}
