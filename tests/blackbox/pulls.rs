//! Large blobs on their way out: the kernel sends them where it can, and the client must not notice.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use crate::serving_clients::h2_pull;
use crate::support::http::{tcp, unix};
use crate::support::patience::wait_until;
use crate::support::tls::{Certificate, connect};
use crate::support::{Blob, Connection, Request, Server};

/// Several pieces, the last of them odd.
const LEN: usize = (3 << 20) + 12_345;

fn path_of(blob: &Blob) -> String {
    format!("/v2/team/app/blobs/{}", blob.digest)
}

fn file_of(server: &Server, blob: &Blob) -> PathBuf {
    let hex = blob.digest.trim_start_matches("sha256:");
    server.data().join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
}

#[test]
fn a_large_blob_is_the_same_by_every_way() {
    let blob = Blob::random(40, LEN);
    let check = |connection: &mut Connection| {
        let whole = connection.send(&Request::get(path_of(&blob))).expect(200);
        assert!(whole.body == blob.bytes);
        for (first, last) in [(0, LEN - 1), (1, 1 << 20), (100_000, 300_000), (LEN - 70_000, LEN - 1)] {
            let range = Request::get(path_of(&blob)).header("Range", format!("bytes={first}-{last}"));
            assert!(connection.send(&range).expect(206).body == blob.bytes[first..=last], "{first}-{last}");
        }
        let parts = Request::get(path_of(&blob)).header("Range", "bytes=0-199999,300000-2000000");
        let parts = connection.send(&parts).expect(206);
        assert!(parts.body.windows(64).any(|window| window == &blob.bytes[300_000..300_064]));
        connection.send(&Request::head(path_of(&blob))).expect(200);
        connection.send(&Request::get("/v2/")).expect(200);
    };
    let setup = Server::setup().http("h2c: {enabled: true}");
    let server = setup.start();
    server.push_blob("team/app", &blob);
    check(&mut server.connect());
    assert!(h2_pull(server.address(), &path_of(&blob)).unwrap() == (200, blob.bytes.clone().into()));

    let socket = server.directory().join("wharf.sock");
    let config = format!(
        "version: 0.1\nstorage: {{filesystem: {{rootdirectory: DATA}}}}\nhttp:\n  debug: {{addr: ADDRESS}}\n  net: unix\n  \
         addr: {}\n",
        socket.display()
    );
    let on_socket = Server::setup().data(server.data()).config_text(&config).start();
    on_socket.wait_for_log("listening on ");
    check(&mut Connection::over(Box::new(unix(&socket)), "registry"));

    let certificate = Certificate::new();
    let setup = Server::setup();
    std::fs::write(setup.directory().join("cert.pem"), &certificate.pem).unwrap();
    std::fs::write(setup.directory().join("key.pem"), &certificate.key_pem).unwrap();
    let secure = setup.data(server.data()).http("tls:\n  certificate: cert.pem\n  key: key.pem").start();
    secure.wait_for_log(", tls");
    check(&mut connect(secure.address(), &certificate.der));
}

#[test]
fn requests_sent_ahead_get_their_own_blobs() {
    let server = Server::start();
    let blobs = [Blob::random(41, LEN), Blob::random(42, 100), Blob::random(43, LEN + 1), Blob::random(44, 200_000)];
    for blob in &blobs {
        server.push_blob("team/app", blob);
    }
    let mut connection = server.connect();
    let requests: Vec<u8> = blobs.iter().flat_map(|blob| Request::get(path_of(blob)).encode("registry")).collect();
    connection.write(&requests).unwrap();
    for blob in &blobs {
        assert!(connection.read_response(false).unwrap().expect(200).body == blob.bytes);
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_sent_ends_the_connection() {
    let server = Server::start();
    let blob = Blob::random(45, 64 << 20);
    server.push_blob("team/app", &blob);
    let mut stream = tcp(server.address());
    stream.write_all(&Request::get(path_of(&blob)).encode("registry")).unwrap();
    let mut received = vec![0; 1 << 20];
    stream.read_exact(&mut received).unwrap();
    // More than the sockets between the two can hold is still to come.
    let file = std::fs::File::options().write(true).open(file_of(&server, &blob)).unwrap();
    file.set_len(40 << 20).unwrap();
    let _ = stream.read_to_end(&mut received);
    assert!(received.len() < blob.bytes.len(), "a short answer looks complete");
    server.wait_for_log("it had at least 67108864 bytes when it was opened");
    server.get("/v2/").expect(200);
}

#[test]
fn a_client_that_goes_away_is_told_from_one_that_is_slow() {
    let server = Server::setup().http("limits: {response_idle_timeout: 2s}").start();
    let blob = Blob::random(46, 64 << 20);
    server.push_blob("team/app", &blob);
    let mut leaving = tcp(server.address());
    leaving.write_all(&Request::get(path_of(&blob)).header("User-Agent", "leaving").encode("registry")).unwrap();
    leaving.read_exact(&mut [0; 1000]).unwrap();
    drop(leaving);
    let told = |log: &str| log.lines().any(|line| line.contains(" 499 ") && line.contains("\"leaving\""));
    wait_until(|| told(&server.log()), || server.log());

    let mut stuck = tcp(server.address());
    stuck.write_all(&Request::get(path_of(&blob)).encode("registry")).unwrap();
    let mut received = vec![0; 1000];
    stuck.read_exact(&mut received).unwrap();
    let told = |log: &str| log.lines().any(|line| line.contains(" 499 ") && !line.contains("\"leaving\""));
    let problem = || format!("nobody hangs up on a client that takes nothing:\n{}", server.log());
    wait_until(|| told(&server.log()), problem);
    let _ = stuck.read_to_end(&mut received);
    assert!(received.len() < blob.bytes.len());
}
