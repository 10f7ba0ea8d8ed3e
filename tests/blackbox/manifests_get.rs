//! Pulling manifests: GET and HEAD by tag and by digest.

use crate::support::image::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, index};
use crate::support::{Image, Manifest, Request, Server, sha256, sha512};

fn with_image() -> (Server, Image) {
    let server = Server::start();
    let image = Image::oci(20);
    server.push_image("team/app", "latest", &image);
    (server, image)
}

#[test]
fn a_manifest_comes_back_verbatim_by_tag_and_by_digest() {
    let (server, image) = with_image();
    let manifest = &image.manifest;
    for reference in ["latest", &manifest.digest] {
        let path = format!("/v2/team/app/manifests/{reference}");
        let answer = server.get(&path).expect(200);
        assert!(answer.body == manifest.bytes);
        for answer in [answer, server.head(&path).expect(200)] {
            assert_eq!(answer.the("content-type"), OCI_MANIFEST);
            assert_eq!(answer.the("content-length"), manifest.bytes.len().to_string());
            assert_eq!(answer.the("docker-content-digest"), manifest.digest);
            assert_eq!(answer.the("etag"), format!("\"{}\"", manifest.digest));
            assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
        }
    }
}

#[test]
fn all_four_types_are_stored_and_returned_as_what_they_are() {
    let server = Server::start();
    let (oci, docker) = (Image::oci(21), Image::docker(22));
    let oci_index = index(OCI_INDEX, &[&oci.manifest, &docker.manifest]);
    let list = index(DOCKER_LIST, &[&docker.manifest]);
    server.push_image("team/app", "oci", &oci);
    server.push_image("team/app", "docker", &docker);
    server.put_manifest("team/app", "index", &oci_index).expect(201);
    server.put_manifest("team/app", "list", &list).expect(201);
    for (tag, manifest) in
        [("oci", &oci.manifest), ("docker", &docker.manifest), ("index", &oci_index), ("list", &list)]
    {
        server.check_manifest("team/app", tag, manifest);
        server.check_manifest("team/app", &manifest.digest, manifest);
    }
}

#[test]
fn a_manifest_is_returned_even_if_accept_does_not_name_its_type() {
    let server = Server::start();
    let (oci, docker) = (Image::oci(23), Image::docker(24));
    let oci_index = index(OCI_INDEX, &[&oci.manifest]);
    let list = index(DOCKER_LIST, &[&docker.manifest]);
    server.push_image("team/app", "oci", &oci);
    server.push_image("team/app", "docker", &docker);
    server.put_manifest("team/app", "index", &oci_index).expect(201);
    server.put_manifest("team/app", "list", &list).expect(201);
    for (tag, manifest) in
        [("oci", &oci.manifest), ("docker", &docker.manifest), ("index", &oci_index), ("list", &list)]
    {
        for accept in ["text/html", "*/*", DOCKER_MANIFEST, OCI_MANIFEST, "application/json;q=0.1, ,;;", ""] {
            let path = format!("/v2/team/app/manifests/{tag}");
            let answer = server.send(Request::get(path).header("Accept", accept)).expect(200);
            assert!(answer.body == manifest.bytes, "{tag} with {accept}");
            assert_eq!(answer.the("content-type"), manifest.media_type);
            assert_eq!(answer.the("docker-content-digest"), manifest.digest);
        }
    }
}

#[test]
fn a_known_etag_is_answered_304() {
    let (server, image) = with_image();
    let digest = &image.manifest.digest;
    let quoted = format!("\"{digest}\"");
    for reference in ["latest", digest] {
        let path = format!("/v2/team/app/manifests/{reference}");
        for value in [
            quoted.clone(),
            digest.clone(),
            format!("W/{quoted}"),
            format!("\"a\", {quoted}"),
            format!("W/\"a\",W/{quoted} , \"b\""),
            "*".to_owned(),
        ] {
            let answer = server.send(Request::get(&path).header("If-None-Match", &value)).expect(304);
            assert!(answer.body.is_empty());
            assert_eq!(answer.the("etag"), quoted, "{value}");
            server.send(Request::head(&path).header("If-None-Match", &value)).expect(304);
        }
        for value in ["\"other\"", "", "\"", ","] {
            server.send(Request::get(&path).header("If-None-Match", value)).expect(200);
        }
    }
    let absent = Request::get("/v2/team/app/manifests/absent").header("If-None-Match", "*");
    server.send(absent).expect_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn what_is_absent_is_manifest_unknown() {
    let (server, image) = with_image();
    for path in [
        "/v2/team/app/manifests/absent".to_owned(),
        format!("/v2/team/app/manifests/{}", sha256(b"absent")),
        format!("/v2/team/app/manifests/{}", sha512(b"absent")),
        "/v2/no/such/manifests/latest".to_owned(),
        format!("/v2/no/such/manifests/{}", image.manifest.digest),
        // A blob is no manifest, whatever it holds.
        format!("/v2/team/app/manifests/{}", image.config.digest),
    ] {
        server.get(&path).expect_error(404, "MANIFEST_UNKNOWN");
        server.head(&path).expect(404);
    }
}

#[test]
fn a_reference_that_is_neither_tag_nor_digest_is_refused() {
    let (server, _) = with_image();
    for reference in ["sha256:baddigeststring", "sha256:", ".hidden", "-dash", "a:b", "a@b", "a%20b"] {
        let answer = server.get(&format!("/v2/team/app/manifests/{reference}"));
        assert!([400, 404].contains(&answer.status), "{reference}: {answer}");
    }
    server.get(&format!("/v2/team/app/manifests/{}", "t".repeat(128))).expect(404);
    let answer = server.get(&format!("/v2/team/app/manifests/{}", "t".repeat(129)));
    assert!([400, 404].contains(&answer.status), "{answer}");
}

#[test]
fn a_tag_moves_and_the_old_manifest_stays_by_digest() {
    let (server, old) = with_image();
    let new = Image::oci(25);
    server.push_image("team/app", "latest", &new);
    server.check_manifest("team/app", "latest", &new.manifest);
    server.check_manifest("team/app", &old.manifest.digest, &old.manifest);
    let stale = Request::get("/v2/team/app/manifests/latest");
    server.send(stale.header("If-None-Match", format!("\"{}\"", old.manifest.digest))).expect(200);
}

#[test]
fn manifests_of_one_repository_are_not_served_by_another() {
    let (server, image) = with_image();
    server.push_image("team/other", "latest", &Image::oci(26));
    server.get(&format!("/v2/team/other/manifests/{}", image.manifest.digest)).expect_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn odd_but_valid_bytes_are_kept() {
    let server = Server::start();
    let image = Image::oci(27);
    server.push_blobs("team/app", &image);
    let compact = serde_json::to_string(&image.manifest.json()).unwrap();
    let spaced =
        format!("\n\t{} \r\n", compact.replace("\"layers\"", "\"x-custom\": [1.50, \"\\u00e9\", null],  \"layers\""));
    let manifest = Manifest::verbatim(OCI_MANIFEST, spaced);
    server.put_manifest("team/app", "odd", &manifest).expect(201);
    server.check_manifest("team/app", "odd", &manifest);
}
