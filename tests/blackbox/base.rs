//! Routing: the base, liveness, methods, slashes and paths that lead nowhere.

use crate::support::content::sha256;
use crate::support::{Connection, Image, Request, Server};

/// One path of every route, with the methods that `Allow` must name.
fn routes() -> Vec<(String, &'static str)> {
    let digest = sha256(b"nothing");
    vec![
        ("/v2/".to_owned(), "GET, HEAD"),
        ("/v2/_catalog".to_owned(), "GET, HEAD"),
        ("/v2/team/app/tags/list".to_owned(), "GET, HEAD"),
        ("/v2/team/app/manifests/latest".to_owned(), "DELETE, GET, HEAD, PUT"),
        (format!("/v2/team/app/blobs/{digest}"), "DELETE, GET, HEAD"),
        ("/v2/team/app/blobs/uploads/".to_owned(), "POST"),
        ("/v2/team/app/blobs/uploads/0b5f4b0c-7a0c-4f3e-9d2b-111111111111".to_owned(), "DELETE, GET, HEAD, PATCH, PUT"),
        (format!("/v2/team/app/referrers/{digest}"), "GET, HEAD"),
    ]
}

#[test]
fn the_base_says_that_this_is_a_registry() {
    let server = Server::start();
    let answer = server.get("/v2/").expect(200);
    assert_eq!(answer.text().trim_end(), "{}");
    assert_eq!(answer.the("content-type"), "application/json");
    assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
    let head = server.head("/v2/").expect(200);
    assert_eq!(head.header("content-length"), answer.header("content-length"));
    // A proxy in front may have asked for a password; what it passes on is none of an open registry's business.
    server.send(Request::get("/v2/").header("Authorization", "Basic bm9ib2R5OmtleQ==")).expect(200);
}

#[test]
fn the_root_tells_that_the_server_lives_whatever_the_method() {
    let server = Server::start();
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        let answer = server.send(Request::new(method, "/")).expect(200);
        assert!(answer.body.is_empty());
        assert_eq!(answer.the("cache-control"), "no-cache");
        assert_eq!(answer.header("docker-distribution-api-version"), None);
    }
}

#[test]
fn a_wrong_method_is_answered_405_with_the_right_ones() {
    let server = Server::start();
    for (path, allowed) in routes() {
        for method in ["TRACE", "POST", "PATCH", "BREW"] {
            if allowed.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = server.send(Request::new(method, &path).body("")).expect(405);
            assert_eq!(sorted(answer.the("allow")), allowed, "{method} {path}");
            assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
        }
    }
}

#[test]
fn options_are_told_on_every_route() {
    let server = Server::start();
    for (path, allowed) in routes() {
        let answer = server.send(Request::new("OPTIONS", &path)).expect(200);
        assert_eq!(sorted(answer.the("allow")), allowed, "{path}");
        assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
    }
}

/// The methods in order, without `OPTIONS`, which a server may name or not.
fn sorted(allow: &str) -> String {
    let mut methods = allow.split(',').map(str::trim).filter(|method| *method != "OPTIONS").collect::<Vec<_>>();
    methods.sort_unstable();
    methods.join(", ")
}

#[test]
fn a_trailing_slash_more_or_less_is_served_and_not_redirected() {
    let server = Server::start();
    let image = Image::oci(1);
    server.push_image("team/app", "latest", &image);
    let layer = &image.layers[0].digest;
    for path in [
        "/v2".to_owned(),
        "/v2/".to_owned(),
        "/v2/_catalog/".to_owned(),
        "/v2/team/app/tags/list/".to_owned(),
        "/v2/team/app/manifests/latest/".to_owned(),
        format!("/v2/team/app/blobs/{layer}/"),
        format!("/v2/team/app/referrers/{layer}/"),
    ] {
        server.get(&path).expect(200);
    }
    for path in ["/v2/team/app/blobs/uploads", "/v2/team/app/blobs/uploads/"] {
        let location = server.send(Request::post(path)).expect(202).location();
        let (before, query) = location.split_once('?').unwrap_or((&location, ""));
        server.get(&format!("{before}/?{query}")).expect(204);
    }
}

#[test]
fn what_is_no_route_is_404_and_never_a_redirect() {
    let server = Server::start();
    for path in [
        "/v1/",
        "/v1/search?q=a",
        "/v3/",
        "/nothing",
        "/v2/team/app",
        "/v2/team/app/",
        "/v2/team/app/tags",
        "/v2/team/app/blobs",
        "/v2/team/app/manifests",
        "/v2/team/app/manifests/",
        "/v2/manifests/latest",
        "/v2/tags/list",
        "/v2/_catalog/more",
        "/v2/team/app/unknown/latest",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer}");
    }
}

#[test]
fn every_get_has_a_head_with_the_same_headers_and_no_body() {
    let server = Server::start();
    let image = Image::oci(2);
    server.push_image("team/app", "latest", &image);
    let layer = &image.layers[2].digest;
    for path in [
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/team/app/tags/list".to_owned(),
        "/v2/team/app/manifests/latest".to_owned(),
        format!("/v2/team/app/blobs/{layer}"),
        format!("/v2/team/app/referrers/{layer}"),
        "/v2/team/app/manifests/absent".to_owned(),
        format!("/v2/team/app/blobs/{}", sha256(b"absent")),
    ] {
        let get = server.get(&path);
        // On one connection, so that a body behind the HEAD would be taken for the next answer.
        let mut connection: Connection = server.connect();
        let head = connection.send(&Request::head(&path));
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-type", "content-length", "docker-content-digest", "etag", "link", "accept-ranges"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
        connection.send(&Request::get("/v2/")).expect(200);
    }
}

#[test]
fn configured_headers_are_on_every_answer_of_the_api() {
    let server = Server::setup().http("headers:\n  X-Content-Type-Options: [nosniff]\n  X-Team: [one, two]").start();
    for path in ["/v2/", "/v2/_catalog", "/v2/team/app/tags/list", "/v2/team/app/manifests/latest"] {
        let answer = server.get(path);
        assert_eq!(answer.the("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.all("x-team").join(", "), "one, two", "{path}");
    }
    assert_eq!(server.get("/").header("x-team"), None);
}

#[test]
fn an_error_names_its_code_in_json() {
    let server = Server::start();
    let answer = server.get("/v2/team/app/manifests/absent").expect_error(404, "MANIFEST_UNKNOWN");
    let json = answer.json();
    assert_eq!(json.as_object().map(|object| object.keys().collect::<Vec<_>>()), Some(vec![&"errors".to_owned()]));
    server.get("/v2/Team/app/tags/list").expect_error(400, "NAME_INVALID");
    server.get(&format!("/v2/{}/tags/list", "a".repeat(256))).expect_error(400, "NAME_INVALID");
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = Server::start();
    let mut connection = server.connect();
    for _ in 0..20 {
        connection.send(&Request::get("/v2/")).expect(200);
        connection.send(&Request::get("/v2/a/manifests/absent")).expect(404);
        connection.send(&Request::post("/v2/a/blobs/uploads/")).expect(202);
    }
    // And requests that were sent before the answers came.
    let host = server.host();
    let two = [Request::head("/v2/").encode(&host), Request::get("/v2/_catalog").encode(&host)].concat();
    connection.write(&two).expect("two requests");
    assert_eq!(connection.read_response(true).expect("the first answer").status, 200);
    assert!(connection.read_response(false).expect("the second answer").json()["repositories"].is_array());
}
