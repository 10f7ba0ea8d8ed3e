//! What a client may hold, and for how long.

use crate::support::patience::{wait_for, wait_until};
use crate::support::{Connection, Request, Server};

/// A PATCH of ten bytes of which five are sent.
fn half_a_patch(server: &Server, location: &str) -> Connection {
    let patch = Request::patch(location).content_type("application/octet-stream").header("Content-Length", "10");
    let mut connection = server.connect();
    connection.write(&patch.encode_head(&server.host())).unwrap();
    connection.write(b"01234").unwrap();
    connection
}

#[test]
fn two_hundred_clients_at_once_are_served() {
    let server = Server::start();
    let connections: Vec<Connection> = (0..200).map(|_| server.connect()).collect();
    std::thread::scope(|scope| {
        for mut connection in connections {
            scope.spawn(move || {
                for _ in 0..5 {
                    connection.send(&Request::get("/v2/_catalog")).expect(200);
                }
            });
        }
    });
}

#[test]
fn more_requests_than_allowed_are_told_to_come_back() {
    let server = Server::setup().http("limits: {requests_max: 1, retry_after: 3s}").start();
    let location = server.start_upload("team/app");
    let patch = Request::patch(location).content_type("application/octet-stream").header("Expect", "100-continue");
    let patch = patch.header("Content-Length", "10").encode_head(&server.host());
    // Whoever is told to go on is let in; the request before it may count a moment longer than its client waits.
    let let_in = || {
        let mut connection = server.connect();
        connection.write(&patch).unwrap();
        connection.is_to_continue().then_some(connection)
    };
    let mut busy = wait_for(let_in, || server.log());
    busy.write(b"01234").unwrap();
    let refused = server.get("/v2/").expect_error(503, "UNAVAILABLE");
    assert_eq!(refused.the("retry-after"), "3");
    busy.write(b"56789").unwrap();
    busy.read_response(false).unwrap().expect(202);
    wait_until(|| server.get("/v2/").status == 200, || server.log());
}

#[test]
fn a_client_that_stops_in_the_middle_loses_its_request_and_keeps_its_upload() {
    let server = Server::setup().http("limits: {body_idle_timeout: 100ms}").start();
    let location = server.start_upload("team/app");
    let mut stalled = half_a_patch(&server, &location);
    let answer = stalled.read_response(false).unwrap();
    assert!((400..500).contains(&answer.status), "{answer}");
    server.get(&location).expect(204);
    server.patch(&location, b"").expect(202);
}

#[test]
fn headers_that_do_not_come_to_an_end_are_cut_off() {
    let server = Server::setup().http("limits: {request_header_timeout: 100ms}").start();
    let mut slow = server.connect();
    slow.write(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n").unwrap();
    assert!(slow.is_closed());
    let mut silent = server.connect();
    assert!(silent.is_closed());
}

#[test]
fn an_idle_connection_is_closed_and_a_used_one_is_not() {
    let server = Server::setup().http("limits: {idle_timeout: 100ms}").start();
    let mut connection = server.connect();
    for _ in 0..3 {
        connection.send(&Request::get("/v2/")).expect(200);
    }
    assert!(connection.is_closed());
}

#[test]
fn headers_that_are_too_large_are_refused() {
    let server = Server::setup().http("limits: {header_bytes_max: 8KiB}").start();
    let with = |len| Request::get("/v2/").header("X-Large", "x".repeat(len));
    server.send(with(7 * 1024)).expect(200);
    server.send(with(9 * 1024)).expect(431);
    server.send(with(300 * 1024)).expect(431);
    let many = (0..200).fold(Request::get("/v2/"), |request, n| request.header(&format!("X-{n}"), "x"));
    server.send(many).expect(431);
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let server = Server::setup().http("limits: {connections_max: 1}").start();
    // The connection by which the harness saw that the server listens may still count.
    let mut first = server.connect();
    first.send(&Request::get("/v2/")).expect(200);
    let host = server.host();
    let mut second = server.connect();
    second.write(&Request::get("/v2/").encode(&host)).unwrap();
    first.send(&Request::get("/v2/")).expect(200);
    drop(first);
    second.read_response(false).unwrap().expect(200);
}

#[test]
fn a_refused_body_does_not_cost_the_client_the_answer() {
    let server = Server::setup().storage("maintenance: {readonly: {enabled: true}}").start();
    let manifest = vec![b'x'; 64 << 20];
    server.send(Request::put("/v2/team/app/manifests/latest").body(manifest)).expect(405);
}
