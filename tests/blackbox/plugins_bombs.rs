//! Goal: a component that no compiler would write harms nobody but those who ask it for it.
//! Method: auth providers as WebAssembly text, that do one thing to requests with long paths; `/v2/` is answered beside them.

use std::time::{Duration, Instant};

use crate::support::Request;
use crate::support::bomb::{Bomb, SPIN, crowded, slow_to_compile};
use crate::support::plugin::{behind, put};

const LIMITS: &str = "limits: {call_time_max: 500ms, start_time_max: 2s, memory_bytes_max: 32MiB, failures_max: 1000}";
/// What a server may use while a bomb goes off.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Asks for what sets the bomb off, more than once and at the same time, while others go on.
#[track_caller]
fn check(bomb: &Bomb, case: &str, told: &str) {
    check_with(bomb, case, told, || Request::get("/v2/evil/tags/list"));
}

#[track_caller]
fn check_with(bomb: &Bomb, case: &str, told: &str, evil: impl Fn() -> Request + Sync) {
    for instances in ["fresh", "warm"] {
        let server = behind(&bomb.component(), &format!("{LIMITS}\ninstances: {instances}")).start();
        server.get("/v2/").expect(200);
        std::thread::scope(|scope| {
            let requests: Vec<_> = (0..4).map(|_| scope.spawn(|| server.send(evil()).expect(503))).collect();
            server.get("/v2/").expect(200);
            requests.into_iter().for_each(|request| drop(request.join().expect("an answer")));
        });
        server.get("/v2/").expect(200);
        server.wait_for_log(told);
        assert_eq!(server.metric(&format!("wharf_plugin_errors_total{{plugin=\"auth\",case=\"{case}\"}}")), 4.0);
        let peak = server.peak_memory_bytes();
        assert!(peak < MEMORY_BYTES_MAX, "{instances}: {peak} bytes");
    }
}

#[test]
fn a_table_that_grows_without_an_end_is_told_by_its_limit() {
    let bomb = Bomb {
        module: "(table $t 1 funcref)".to_owned(),
        authorize: "(loop $more
            (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable",
        ..Bomb::default()
    };
    check(&bomb, "tables", "limits.table_elements_max");
}

#[test]
fn loops_where_the_host_waits_for_more_than_an_answer_are_ended() {
    let bomb = Bomb { post: SPIN, ..Bomb::default() };
    check(&bomb, "time", "limits.call_time_max (500ms)");
    let bomb = Bomb { realloc: SPIN, ..Bomb::default() };
    let evil = || {
        Request::get(format!("/v2/{}/tags/list", "evil".repeat(60)))
            .header("Authorization", format!("Bearer {}", "x".repeat(2000)))
    };
    check_with(&bomb, "time", "limits.call_time_max (500ms)", evil);
}

/// A few megabytes that say of themselves to be many gigabytes: each of many entries is the same text.
#[test]
fn a_list_that_is_larger_than_the_memory_it_lies_in_is_refused() {
    let bomb = Bomb {
        authorize: "(i32.store (i32.const 144) (i32.const 1048576)) (i32.store (i32.const 148) (i32.const 100000))
            (loop $more
                (i32.store offset=1048580 (local.get $i) (i32.const 65536))
                (i32.store offset=1048588 (local.get $i) (i32.const 65536))
                (local.set $i (i32.add (local.get $i) (i32.const 16)))
                (br_if $more (i32.lt_u (local.get $i) (i32.const 1600000))))",
        ..Bomb::default()
    };
    check(&bomb, "trap", "authorize");
    // And one that does not lie in its memory at all.
    let bomb = Bomb { authorize: "(i32.store (i32.const 148) (i32.const -1))", ..Bomb::default() };
    check(&bomb, "trap", "authorize");
}

#[test]
fn loops_before_a_component_is_in_service_end_the_start_with_a_reason() {
    for (bomb, told) in [
        (Bomb { init: SPIN, ..Bomb::default() }, "limits.start_time_max"),
        (Bomb { health: SPIN, ..Bomb::default() }, "limits.call_time_max"),
        (Bomb { module: format!("(func $start {SPIN}) (start $start)"), ..Bomb::default() }, "limits.start_time_max"),
    ] {
        let (status, log) = behind(&bomb.component(), LIMITS).run_to_the_end();
        assert!(!status.success() && log.contains(told), "{told}: {log}");
    }
}

/// Each is refused with a reason, and the one in service stays.
#[test]
fn a_component_of_too_many_parts_or_too_much_code_never_takes_over() {
    let lines = format!("{LIMITS}\ninstances: warm").replace("{call", "{compile_time_max: 500ms, call");
    let plain = Bomb::default().component();
    let server = behind(&plain, &lines).start();
    let instances = crowded(&plain, "(module (memory 1))", 100);
    let large = crowded(&plain, "(module (memory 160))", 8);
    let slow = Bomb { module: slow_to_compile(1500), ..Bomb::default() }.component();
    for (name, component, told) in [
        ("instances", instances, "core module instances"),
        ("large", large, "limits.memory_bytes_max"),
        ("slow", slow, "limits.compile_time_max"),
    ] {
        let file = put(server.directory(), &format!("{name}.wasm"), &component);
        let (refused, good) = std::thread::scope(|scope| {
            let swap = scope.spawn(|| server.plugin_refused(&["swap", "auth", file.to_str().expect("a path")]));
            let begin = Instant::now();
            server.get("/v2/").expect(200);
            (swap.join().expect("an answer"), begin.elapsed())
        });
        assert!(refused.contains(told), "{name}: {refused}");
        assert!(good < Duration::from_secs(5), "{name}: {good:?}");
        server.get("/v2/").expect(200);
    }
    assert!(server.peak_memory_bytes() < MEMORY_BYTES_MAX);
}
