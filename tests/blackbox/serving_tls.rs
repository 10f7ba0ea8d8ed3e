//! TLS: protocols, certificates that change, and certificates of clients.

use std::fs;
use std::io;
use std::path::Path;

use crate::serving_clients::Client;
use crate::support::patience::wait_until;
use crate::support::server::Setup;
use crate::support::tls::{Certificate, connect};
use crate::support::{Request, Server};

fn write_pair(directory: &Path, certificate: &Certificate) {
    fs::write(directory.join("cert.pem"), &certificate.pem).unwrap();
    fs::write(directory.join("key.pem"), &certificate.key_pem).unwrap();
}

/// With a certificate in its directory, and more keys under `tls`.
fn setup(certificate: &Certificate, more: &str) -> Setup {
    let setup = Server::setup();
    write_pair(setup.directory(), certificate);
    setup.http(&format!("tls:\n  certificate: cert.pem\n  key: key.pem\n  {more}"))
}

#[test]
fn http_1_and_2_are_spoken_over_tls() {
    let certificate = Certificate::new();
    let server = setup(&certificate, "").start();
    server.wait_for_log(", tls");
    let mut connection = connect(server.address(), &certificate.der);
    connection.send(&Request::get("/v2/")).expect(200);
    let location = connection.send(&Request::post("/v2/a/blobs/uploads/")).expect(202).the("location").to_owned();
    assert!(location.starts_with("https://"), "{location}");

    let client = Client::trusting(&certificate.der);
    assert_eq!(client.protocol(server.address(), &["h2", "http/1.1"]), Some("h2".to_owned()));
    assert_eq!(client.h2_get(server.address(), "/v2/"), Ok(200));
    let server = setup(&certificate, "").http("http2: {disabled: true}").start();
    assert_eq!(client.protocol(server.address(), &["h2", "http/1.1"]), Some("http/1.1".to_owned()));
}

#[test]
fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let server = setup(&old, "reload: {interval: 20ms}").start();
    let mut before = connect(server.address(), &old.der);
    before.send(&Request::get("/v2/")).expect(200);

    fs::write(server.directory().join("cert.pem"), "no certificate").unwrap();
    server.wait_for_log("the old ones stay in service");
    connect(server.address(), &old.der).send(&Request::get("/v2/")).expect(200);

    write_pair(server.directory(), &new);
    let in_service = || connect(server.address(), &new.der).try_send(&Request::get("/v2/")).is_ok();
    wait_until(in_service, || format!("the new certificate is not in service:\n{}", server.log()));
    before.send(&Request::get("/v2/")).expect(200);
}

#[test]
fn certificates_of_clients_are_asked_for_as_configured() {
    let certificate = Certificate::new();
    let (known, stranger) = (Certificate::new(), Certificate::new());
    let nobody = Client::trusting(&certificate.der);
    let friend = Client::trusting(&certificate.der).presenting(&known);
    let mallory = Client::trusting(&certificate.der).presenting(&stranger);
    // Who gets through: without a certificate, with a good one, with one that nobody vouches for.
    for (mode, through) in [
        ("", [false, true, false]),
        ("clientauth: require-and-verify-client-cert", [false, true, false]),
        ("clientauth: verify-client-cert-if-given", [true, true, false]),
        ("clientauth: require-any-client-cert", [false, true, true]),
        ("clientauth: request-client-cert", [true, true, true]),
    ] {
        let setup = setup(&certificate, &format!("clientcas: [ca.pem]\n  {mode}"));
        fs::write(setup.directory().join("ca.pem"), &known.pem).unwrap();
        let server = setup.start();
        let get = |client: &Client| -> io::Result<u16> {
            Ok(client.connect(server.address()).try_send(&Request::get("/v2/"))?.status)
        };
        let outcome = [&nobody, &friend, &mallory].map(|client| get(client).is_ok_and(|status| status == 200));
        assert_eq!(outcome, through, "{mode:?}");
    }
}

#[test]
fn what_is_wrong_with_tls_ends_the_start_with_its_name() {
    let certificate = Certificate::new();
    let bad = setup(&certificate, "");
    fs::write(bad.directory().join("key.pem"), "no key").unwrap();
    let (status, log) = bad.run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("http.tls.key") && log.contains("key.pem"), "{log}");
}
