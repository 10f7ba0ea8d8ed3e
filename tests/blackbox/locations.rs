//! `Location` and `Link` as clients behind proxies need them.

use crate::support::{Image, Request, Response, Server};

/// The `Location` of an upload that is opened with these headers.
fn open(server: &Server, headers: &[(&str, &str)]) -> String {
    let mut request = Request::post("/v2/team/app/blobs/uploads/");
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    server.send(request).expect(202).the("location").to_owned()
}

#[track_caller]
fn check_start(location: &str, start: &str) {
    assert!(
        location.starts_with(&format!("{start}/v2/team/app/blobs/uploads/")),
        "{location} does not start with {start}"
    );
}

#[test]
fn the_request_tells_scheme_and_host() {
    let server = Server::start();
    let own = format!("http://{}", server.host());
    let forwarded = "proto=https;host=a.example";
    for (headers, start) in [
        (&[][..], own.as_str()),
        (&[("Host", "registry.example:8443")], "http://registry.example:8443"),
        (&[("Host", "registry.example"), ("X-Forwarded-Proto", "https")], "https://registry.example"),
        (&[("X-Forwarded-Host", "x.example"), ("X-Forwarded-Proto", "https")], "https://x.example"),
        (&[("X-Forwarded-Host", "one.example , two.example")], "http://one.example"),
        (&[("Forwarded", forwarded)], "https://a.example"),
        (&[("Forwarded", "Host=\"a.example:444\"; Proto=https, host=b.example")], "https://a.example:444"),
        // Where `Forwarded` is there, it alone counts.
        (&[("Forwarded", forwarded), ("X-Forwarded-Host", "x.example")], "https://a.example"),
    ] {
        check_start(&open(&server, headers), start);
    }
}

#[test]
fn forwarding_headers_that_can_not_be_read_are_ignored() {
    let server = Server::start();
    for (name, value) in [
        ("Forwarded", "host="),
        ("Forwarded", "proto=https;proto=http"),
        ("Forwarded", "host=\"unterminated"),
        ("Forwarded", ";;;,,,"),
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Proto", "https://evil"),
        ("X-Forwarded-Host", "evil.example/path?x"),
        ("X-Forwarded-Host", "a b"),
        ("X-Forwarded-Host", "user@evil.example"),
    ] {
        let location = open(&server, &[(name, value)]);
        assert!(
            location.starts_with("http://") || location.starts_with("https://") || location.starts_with('/'),
            "{location}"
        );
        assert!(!location.contains(['\r', '\n', ' ', '@']), "{name}: {value} gives {location}");
        assert!(location.contains("/v2/team/app/blobs/uploads/"), "{location}");
    }
}

#[test]
fn a_configured_host_beats_every_header() {
    let server = Server::setup().http("host: https://registry.example:5443").start();
    check_start(&open(&server, &[]), "https://registry.example:5443");
    check_start(&open(&server, &[("X-Forwarded-Host", "x.example")]), "https://registry.example:5443");
    check_start(&open(&server, &[("Forwarded", "host=x.example")]), "https://registry.example:5443");
}

#[test]
fn relative_urls_have_neither_scheme_nor_host() {
    let server = Server::setup().http("relativeurls: true").start();
    check_start(&open(&server, &[("X-Forwarded-Host", "x.example")]), "");
    let image = Image::oci(120);
    server.push_image("team/app", "latest", &image);
    let answer = server.put_manifest("team/app", "latest", &image.manifest).expect(201);
    assert_eq!(answer.the("location"), format!("/v2/team/app/manifests/{}", image.manifest.digest));
}

/// A whole push and pull through a server whose API lies under a prefix.
fn check_prefix(server: &Server, start: &str) {
    let image = Image::oci(121);
    for blob in image.blobs() {
        let answer = server.send(Request::post("/my/prefix/v2/team/app/blobs/uploads/")).expect(202);
        let location = answer.the("location");
        assert!(location.starts_with(&format!("{start}/my/prefix/v2/team/app/blobs/uploads/")), "{location}");
        let closed = server.close_upload(&answer.location(), &blob.digest, &blob.bytes).expect(201);
        assert_eq!(closed.the("location"), format!("{start}/my/prefix/v2/team/app/blobs/{}", blob.digest));
        assert!(server.get(&closed.location()).expect(200).body == blob.bytes);
    }
    for tag in ["a", "b"] {
        let request = Request::put(format!("/my/prefix/v2/team/app/manifests/{tag}"));
        let answer = server.send(request.content_type(&image.manifest.media_type).body(image.manifest.bytes.clone()));
        server.get(&answer.expect(201).location()).expect(200);
    }
    let page: Response = server.get("/my/prefix/v2/team/app/tags/list?n=1").expect(200);
    let next = crate::listings::next_of(&page).expect("a next page");
    assert_eq!(crate::support::push::strings(&server.get(&next).expect(200).json()["tags"]), ["b"]);
}

#[test]
fn the_prefix_stays_in_every_location() {
    let server = Server::setup().http("prefix: /my/prefix/").start();
    let own = format!("http://{}", server.host());
    check_prefix(&server, &own);
    server.get("/my/prefix/v2/").expect(200);
    server.get("/v2/").expect(404);
    server.get("/").expect(200);
    let server = Server::setup().http("prefix: /my/prefix").http("relativeurls: true").start();
    check_prefix(&server, "");
}
