//! Listening: kinds of sockets, protocols, the errors of a start, and an orderly stop.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::serving_clients::h2_get;
use crate::support::http::{tcp, unix};
use crate::support::patience::wait_until;
use crate::support::server::wharf;
use crate::support::{Connection, Request, Server};

/// A configuration whose API listens elsewhere; the harness waits for the debug listener.
fn with_api_on(http: &str) -> String {
    format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: DATA}}}}\nhttp:\n  debug: {{addr: ADDRESS}}\n  {http}\n"
    )
}

#[test]
fn a_unix_socket_is_served_and_removed_at_the_end() {
    let setup = Server::setup();
    let path = setup.directory().join("wharf.sock");
    // What a server that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let config = with_api_on(&format!("net: unix\n  addr: {}", path.display()));
    let mut server = setup.config_text(&config).start();
    server.wait_for_log("listening on ");
    let mut connection = Connection::over(Box::new(unix(&path)), "registry");
    connection.send(&Request::get("/v2/")).expect(200);
    assert!(server.terminate().success());
    assert!(!path.exists());
}

#[test]
fn what_is_in_the_way_of_a_start_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (status, log) = Server::setup().config_text(&with_api_on(&format!("addr: 127.0.0.1:{port}"))).run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&format!("port {port} is already in use")), "{log}");

    let setup = Server::setup();
    let file = setup.directory().join("file");
    fs::write(&file, "no directory").unwrap();
    let (status, log) = setup.data(&file.join("data")).run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&format!("{}/data cannot be used", file.display())), "{log}");

    let setup = Server::setup();
    let file = setup.directory().join("precious");
    fs::write(&file, "precious").unwrap();
    let config = with_api_on(&format!("net: unix\n  addr: {}", file.display()));
    let (status, log) = setup.config_text(&config).run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("no socket"), "{log}");
}

#[test]
fn a_socket_of_systemd_is_taken_over() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let directory = tempfile::tempdir().unwrap();
    // The shell gives itself the socket as descriptor 3 and then becomes the server, as systemd would.
    let script = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\" 3<&0 0</dev/null";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(wharf())
        .arg("serve")
        .env("REGISTRY_STORAGE", "inmemory")
        .current_dir(&directory)
        .stdin(OwnedFd::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The socket listens already, so this waits for the server without asking twice.
    let answer = Connection::open(address).try_send(&Request::get("/v2/"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answer.unwrap().status, 200);
}

#[test]
fn http_2_by_prior_knowledge_is_spoken_where_it_is_enabled() {
    let server = Server::setup().http("h2c: {enabled: true}").start();
    assert_eq!(h2_get(server.address(), "/v2/"), Ok(200));
    server.get("/v2/").expect(200);
    let server = Server::start();
    assert!(h2_get(server.address(), "/v2/").is_err());
}

#[test]
fn a_request_under_way_survives_the_order_to_stop() {
    let mut server = Server::setup().http("draintimeout: 20s").start();
    let mut idle = server.connect();
    idle.send(&Request::get("/v2/")).expect(200);
    let location = server.start_upload("team/app");
    let patch = Request::patch(&location).content_type("application/octet-stream").header("Content-Length", "10");
    let mut busy = server.connect();
    busy.write(&patch.encode_head(&server.host())).unwrap();
    busy.write(b"01234").unwrap();
    // The server has the request: it opened the upload's file.
    wait_until(|| server.get("/v2/").status == 200, || server.log());
    let address = server.address();
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| server.terminate());
        let problem = || "a stopping server takes no new connections".to_owned();
        wait_until(|| TcpStream::connect(address).is_err(), problem);
        assert!(idle.is_closed(), "an idle connection is closed at once");
        busy.write(b"56789").unwrap();
        busy.read_response(false).unwrap().expect(202);
        assert_eq!(stopped.join().unwrap().code(), Some(0));
    });
}

#[test]
fn a_request_that_takes_too_long_is_cut_off_by_the_drain() {
    let mut server = Server::setup().http("draintimeout: 100ms").start();
    let location = server.start_upload("team/app");
    let patch = Request::patch(&location).content_type("application/octet-stream").header("Content-Length", "10");
    let mut busy = tcp(server.address());
    busy.write_all(&patch.encode_head(&server.host())).unwrap();
    busy.write_all(b"01234").unwrap();
    server.get("/v2/").expect(200);
    assert_eq!(server.terminate().code(), Some(0));
    assert!(server.log().contains("cut off"), "{}", server.log());
}
