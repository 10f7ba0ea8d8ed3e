//! Goal: what an auth provider serves itself is there when it is granted, under its prefix only, and harms nobody who logs in.
//! Method: the fixture `auth-page`, which is a token endpoint, and pages that never end, trap, or take all the memory.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::support::http::tcp;
use crate::support::image::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::support::layout::{Layout, real_image};
use crate::support::patience::wait_until;
use crate::support::plugin::{asking, basic, behind, guest};
use crate::support::server::Setup;
use crate::support::tools::{self, run};
use crate::support::{Request, Server};

const GRANTED: &str = "grants: {serve: /auth/page/}";
const TOKEN: &str = "Bearer a-token-of-the-page";

fn setup(lines: &str) -> Setup {
    behind(&guest("auth-page"), lines)
}

fn serving(limits: &str) -> Server {
    setup(&format!("{GRANTED}\nlimits: {{{limits}}}")).start()
}

fn errors(server: &Server, case: &str) -> f64 {
    server.metric(&format!("wharf_plugin_errors_total{{plugin=\"auth\",case=\"{case}\"}}"))
}

/// Whoever has a token goes on.
#[track_caller]
fn others_go_on(server: &Server) {
    server.send(Request::get("/v2/team/app/tags/list").header("Authorization", TOKEN)).expect(404);
}

#[test]
fn a_page_is_told_what_was_sent_and_who_sent_it() {
    let server = serving("incoming_bytes_max: 64KiB");
    let posted = Request::post("/auth/page/a/b?c=d%20e").header("x-wharf-peer", "192.0.2.1").body(vec![b'x'; 1000]);
    let answer = server.send(posted).expect(200);
    assert_eq!(answer.text(), "POST\n/auth/page/a/b?c=d%20e\n127.0.0.1\n1000\n");
    assert_eq!(answer.the("x-page"), "yes");
    assert!(answer.header("x-wharf-peer").is_none(), "{answer}");
    assert!(server.get("/auth/page/").expect(200).text().starts_with("GET\n/auth/page/\n"));
    let long = Request::post("/auth/page/").body(vec![b'x'; 100_000]);
    server.send(long).expect(413);
    others_go_on(&server);
}

#[test]
fn only_the_prefix_is_the_pages() {
    let server = serving("instances_max: 4");
    for path in ["/auth", "/auth/", "/auth/page", "/auth/pages/", "/auth/other/token"] {
        let answer = server.get(path);
        assert!(answer.header("x-page").is_none() && matches!(answer.status, 301 | 400 | 404), "{path}: {answer}");
    }
    assert!(server.get("/v2/").expect(401).the("www-authenticate").contains("/auth/page/token"));
}

#[test]
fn without_both_the_ask_and_the_grant_there_is_no_page() {
    let asks_not = behind(&asking(&guest("auth-page"), "serve = false"), GRANTED);
    for setup in [setup(""), asks_not, behind(&guest("auth-fixture"), GRANTED)] {
        let server = setup.start();
        server.get("/auth/page/").expect(404);
        server.get("/v2/").expect(401);
    }
}

#[test]
fn real_clients_log_in_by_the_token_endpoint_of_the_plugin() {
    let server = serving("instances_max: 16");
    let refused = server.send(Request::get("/auth/page/token").header("Authorization", basic("alice", "wrong")));
    assert_eq!(refused.expect(401).the("www-authenticate"), "Basic realm=\"auth-page\"");
    let image = real_image(990, &[30_000, 10], "amd64", [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER]);
    let layout = server.directory().join("layout");
    Layout::new().image(&image).tag("v1", &image.manifest).write(&layout);
    let local = format!("oci:{}:v1", layout.display());
    let remote = format!("docker://{}/team/app:v1", server.host());
    let copy = |user: &str| {
        let mut command = tools::command(&tools::skopeo(), server.directory());
        command.args(["--insecure-policy", "copy", "--dest-tls-verify=false", "--dest-creds", user, &local, &remote]);
        tools::output(&mut command)
    };
    assert!(copy("alice:secret").status.success());
    assert!(!copy("alice:wrong").status.success());
    let pull = Request::get("/v2/team/app/manifests/v1").header("Authorization", TOKEN);
    assert_eq!(server.send(pull).expect(200).body, image.manifest.bytes);
    let regctl = || {
        let mut command = tools::command(&tools::regctl(), server.directory());
        command.env("REGCTL_CONFIG", server.directory().join("regctl.json"));
        command
    };
    run(regctl().args(["registry", "set", "--skip-check", "--tls", "disabled", &server.host()]));
    run(regctl().args(["registry", "login", "-u", "alice", "-p", "secret", &server.host()]));
    let digest = run(regctl().args(["image", "digest", &format!("{}/team/app:v1", server.host())]));
    assert_eq!(digest.trim(), image.manifest.digest);
    let Some(docker) = tools::docker() else { return };
    let mut login = tools::command(&docker, server.directory());
    assert!(run(login.args(["login", "-u", "alice", "-p", "secret", &server.host()])).contains("Login Succeeded"));
}

/// The second half of the body is sent when the first half has come back: so nothing on the way waits for the end.
#[test]
fn bodies_stream_both_ways() {
    let server = serving("instances_max: 4");
    let mut stream = tcp(server.address());
    let head = "POST /auth/page/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut read = String::new();
    for piece in ["first", "second", "third"] {
        stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).unwrap();
        while !read.contains(piece) {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "{read}");
            read += &String::from_utf8_lossy(&buffer[..length]);
        }
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    stream.read_to_string(&mut read).unwrap();
    assert!(read.starts_with("HTTP/1.1 200") && read.ends_with("0\r\n\r\n"), "{read}");
    assert_eq!(server.get("/auth/page/large").expect(200).body.len(), 8 << 20);
}

#[test]
fn a_page_that_does_not_end_well_ends_alone() {
    let server = serving("call_time_max: 300ms, memory_bytes_max: 16MiB, failures_max: 1");
    for (page, status, case, told) in [
        ("loop", 504, "time", "limits.call_time_max (300ms)"),
        ("sleep", 504, "time", "limits.call_time_max (300ms)"),
        ("memory", 502, "memory", "limits.memory_bytes_max (16MiB)"),
        ("trap", 502, "trap", "it ended itself"),
    ] {
        let before = errors(&server, case);
        for _ in 0..3 {
            server.get(&format!("/auth/page/{page}")).expect(status);
            others_go_on(&server);
        }
        server.wait_for_log(told);
        assert_eq!(errors(&server, case), before + 3.0, "{page}");
    }
    server.get("/auth/page/silent").expect(502);
    server.wait_for_log("ended without an answer");
    server.get("/auth/page/").expect(200);
    assert_eq!(errors(&server, "failing"), 0.0, "not even one failure in a row was allowed to the decisions");
}

/// An answer that breaks off must not look like a whole one.
#[test]
fn a_page_that_breaks_off_is_seen_to_break_off() {
    let lines = format!("{GRANTED}\nlimits: {{call_time_max: 500ms}}\ninstances: warm");
    let server = setup(&lines).start();
    for page in ["late-trap", "endless", "unfinished"] {
        let mut connection = server.connect();
        let answer = connection.try_send(&Request::get(format!("/auth/page/{page}")));
        assert!(answer.is_err(), "{page}: {answer:?}");
        others_go_on(&server);
    }
}

/// Clients that never end their requests, more of them than there are instances, and one that reads nothing.
#[test]
fn slow_visitors_of_a_page_leave_instances_to_those_who_log_in() {
    let server = serving("instances_max: 4, call_time_max: 3s, queue_time_max: 1s");
    let begin = Instant::now();
    let visitors: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = tcp(server.address());
            stream.write_all(b"POST /auth/page/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let mut deaf = tcp(server.address());
    deaf.write_all(b"GET /auth/page/endless HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.wait_for_log("as many requests as may be are with the plugin's own pages already");
    assert_eq!(errors(&server, "busy"), 0.0);
    for _ in 0..10 {
        others_go_on(&server);
    }
    assert!(begin.elapsed() < Duration::from_secs(20));
    drop((visitors, deaf));
    wait_until(|| server.get("/auth/page/").status == 200, || server.log());
}

/// A client that goes away frees the instance at once, not only when its time is over.
#[test]
fn a_visitor_that_leaves_frees_the_instance() {
    let server = serving("instances_max: 2, call_time_max: 60s, queue_time_max: 20s");
    for _ in 0..3 {
        let mut stream = tcp(server.address());
        stream.write_all(b"GET /auth/page/endless HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 4096]).unwrap();
    }
    server.get("/auth/page/").expect(200);
}
