//! Pushing manifests.

use serde_json::json;

use crate::support::image::{
    DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, empty, index, referrer,
};
use crate::support::{Blob, Image, Manifest, Request, Server, sha256, sha512};

const LIMIT: usize = 4 * 1024 * 1024;

fn put(server: &Server, reference: &str, content_type: Option<&str>, body: &[u8]) -> crate::support::Response {
    let request = Request::put(format!("/v2/team/app/manifests/{reference}")).body(body);
    server.send(match content_type {
        Some(text) => request.content_type(text),
        None => request,
    })
}

#[test]
fn a_pushed_manifest_is_told_by_digest() {
    let server = Server::start();
    let image = Image::oci(30);
    server.push_blobs("team/app", &image);
    for reference in ["latest", &image.manifest.digest] {
        let answer = server.put_manifest("team/app", reference, &image.manifest).expect(201);
        assert_eq!(answer.location(), format!("/v2/team/app/manifests/{}", image.manifest.digest));
        assert_eq!(answer.the("docker-content-digest"), image.manifest.digest);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("oci-subject"), None);
        server.get(&answer.location()).expect(200);
    }
}

#[test]
fn parameters_of_the_content_type_are_ignored() {
    let server = Server::start();
    let image = Image::oci(31);
    server.push_blobs("team/app", &image);
    for kind in [format!("{OCI_MANIFEST}; charset=utf-8"), format!("{OCI_MANIFEST};a=b ;c=\"d\"")] {
        put(&server, "latest", Some(&kind), &image.manifest.bytes).expect(201);
        assert_eq!(server.get("/v2/team/app/manifests/latest").the("content-type"), OCI_MANIFEST);
    }
}

#[test]
fn a_body_that_is_no_manifest_is_invalid() {
    let server = Server::start();
    let image = Image::oci(32);
    server.push_blobs("team/app", &image);
    let config = image.config.descriptor(OCI_CONFIG);
    let text = |json: serde_json::Value| json.to_string();
    let cases = [
        (OCI_MANIFEST, String::new()),
        (OCI_MANIFEST, "{".to_owned()),
        (OCI_MANIFEST, "[]".to_owned()),
        (OCI_MANIFEST, "null".to_owned()),
        (OCI_MANIFEST, text(json!({"schemaVersion": 1, "config": config, "layers": []}))),
        (OCI_MANIFEST, text(json!({"schemaVersion": "2", "config": config, "layers": []}))),
        (OCI_MANIFEST, text(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "config": config, "layers": []}))),
        (OCI_MANIFEST, text(json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []}))),
        (OCI_INDEX, text(json!({"schemaVersion": 2, "manifests": [], "config": config}))),
        (OCI_INDEX, text(json!({"schemaVersion": 2, "manifests": [], "layers": []}))),
        (DOCKER_MANIFEST, text(json!({"schemaVersion": 2, "config": config, "layers": []}))),
        (DOCKER_LIST, text(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}))),
        (
            OCI_MANIFEST,
            text(json!({"schemaVersion": 2, "config": {"digest": "sha256:short", "size": 1}, "layers": []})),
        ),
        (OCI_MANIFEST, text(json!({"schemaVersion": 2, "config": {"digest": image.config.digest, "size": -1}}))),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", text(json!({"schemaVersion": 1}))),
        ("application/json", text(json!({"schemaVersion": 2, "config": config, "layers": []}))),
        ("text/plain", String::from_utf8_lossy(&image.manifest.bytes).into_owned()),
    ];
    for (kind, body) in cases {
        let answer = put(&server, "bad", Some(kind), body.as_bytes());
        assert_eq!((answer.status, answer.codes()), (400, vec!["MANIFEST_INVALID".to_owned()]), "{kind} {body}");
    }
    server.get("/v2/team/app/manifests/bad").expect(404);
}

#[test]
fn blobs_that_are_missing_are_named_one_by_one() {
    let server = Server::start();
    let image = Image::oci(33);
    server.push_blob("team/app", &image.layers[0]);
    // Existing elsewhere is not enough.
    server.push_blob("team/other", &image.layers[1]);
    let answer = server.put_manifest("team/app", "latest", &image.manifest).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(answer.codes(), vec!["MANIFEST_BLOB_UNKNOWN"; 3]);
    let mut named = answer.json()["errors"].as_array().unwrap().iter().map(|e| e["detail"].clone()).collect::<Vec<_>>();
    let mut missing =
        [&image.config, &image.layers[1], &image.layers[2]].map(|blob| json!(blob.digest.clone())).to_vec();
    named.sort_by_key(ToString::to_string);
    missing.sort_by_key(ToString::to_string);
    assert_eq!(named, missing);
    server.get("/v2/team/app/manifests/latest").expect(404);
    server.get(&format!("/v2/team/app/manifests/{}", image.manifest.digest)).expect(404);
}

#[test]
fn children_of_an_index_must_be_manifests_of_the_repository() {
    let server = Server::start();
    let (here, elsewhere) = (Image::oci(34), Image::oci(35));
    server.push_image("team/app", "here", &here);
    server.push_image("team/other", "elsewhere", &elsewhere);
    let both = index(OCI_INDEX, &[&here.manifest, &elsewhere.manifest]);
    let answer = server.put_manifest("team/app", "both", &both).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(answer.json()["errors"][0]["detail"], elsewhere.manifest.digest);
    // A blob is no manifest.
    let of_blob = Manifest::new(
        OCI_INDEX,
        &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [here.layers[0].descriptor(OCI_MANIFEST)]}),
    );
    server.put_manifest("team/app", "blob", &of_blob).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    let one = index(OCI_INDEX, &[&here.manifest]);
    server.put_manifest("team/app", "one", &one).expect(201);
    let nested = index(OCI_INDEX, &[&one]);
    server.put_manifest("team/app", "nested", &nested).expect(201);
    server.put_manifest("team/app", "empty", &index(OCI_INDEX, &[])).expect(201);
}

#[test]
fn with_validation_disabled_images_and_indexes_may_be_sparse() {
    let server = Server::setup().section("validation:\n  disabled: true").start();
    let (image, absent) = (Image::oci(36), Image::oci(37));
    server.push_blob("team/app", &image.config);
    server.put_manifest("team/app", "image", &image.manifest).expect(201);
    let sparse = index(OCI_INDEX, &[&image.manifest, &absent.manifest]);
    server.put_manifest("team/app", "index", &sparse).expect(201);
    server.check_manifest("team/app", "index", &sparse);
}

#[test]
fn with_platforms_none_only_indexes_may_be_sparse() {
    let server = Server::setup().section("validation:\n  manifests:\n    indexes:\n      platforms: none").start();
    let image = Image::oci(38);
    server.put_manifest("team/app", "index", &index(OCI_INDEX, &[&image.manifest])).expect(201);
    server.put_manifest("team/app", "image", &image.manifest).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn with_a_platform_list_only_the_listed_children_must_exist() {
    let rule = "validation:\n  manifests:\n    indexes:\n      platforms: list\n      platformlist:\n      \
                - {architecture: amd64, os: linux}";
    let server = Server::setup().section(rule).start();
    let (amd64, arm64) = (Image::oci(39), Image::oci(40));
    let both = index(OCI_INDEX, &[&amd64.manifest, &arm64.manifest]);
    server.put_manifest("team/app", "both", &both).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    server.push_image("team/app", "amd64", &amd64);
    server.put_manifest("team/app", "both", &both).expect(201);
}

#[test]
fn layers_kept_elsewhere_need_an_allowed_url() {
    let foreign = |kind: &str, urls: &[&str]| {
        let (config, layer) = (empty(), Blob::random(41, 10));
        let mut descriptor = layer.descriptor(kind);
        descriptor["urls"] = json!(urls);
        let json = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(OCI_EMPTY), "layers": [descriptor]
        });
        Manifest::new(OCI_MANIFEST, &json)
    };
    let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let docker = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let server = Server::start();
    server.push_blob("team/app", &empty());
    for refused in [foreign(docker, &["https://layers.example/a"]), foreign(kind, &["file:///etc/passwd"])] {
        let answer = server.put_manifest("team/app", "a", &refused).expect(400);
        assert!(answer.codes().iter().all(|code| code.starts_with("MANIFEST_")), "{answer}");
    }
    // OCI's own kind is made to have them.
    server.put_manifest("team/app", "a", &foreign(kind, &["https://layers.example/a"])).expect(201);
    let urls =
        "validation:\n  manifests:\n    urls:\n      allow: ['^https://layers\\.example/']\n      deny: ['secret']";
    let server = Server::setup().section(urls).start();
    server.push_blob("team/app", &empty());
    server.put_manifest("team/app", "a", &foreign(kind, &["https://layers.example/a"])).expect(201);
    for url in ["https://layers.example/secret", "http://layers.example/a", "https://other.example/"] {
        server.put_manifest("team/app", "b", &foreign(kind, &[url])).expect(400);
    }
    // An ordinary layer must be here, wherever else it is.
    let ordinary = foreign(OCI_LAYER, &["https://layers.example/a"]);
    server.put_manifest("team/app", "c", &ordinary).expect_error(400, "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn four_mebibytes_are_taken_and_more_is_413() {
    let server = Server::start();
    server.push_blob("team/app", &empty());
    let sized = |len: usize| {
        let base = referrer(&Image::oci(42).manifest, "application/x-large", "NOTE");
        let text = String::from_utf8(base.bytes).unwrap();
        let filled = text.replace("NOTE", &"n".repeat(len - text.len() + 4));
        assert_eq!(filled.len(), len);
        Manifest::verbatim(OCI_MANIFEST, filled)
    };
    let largest = sized(LIMIT);
    server.put_manifest("team/app", "largest", &largest).expect(201);
    server.check_manifest("team/app", "largest", &largest);
    let larger = sized(LIMIT + 1);
    let answer = server.put_manifest("team/app", "larger", &larger).expect(413);
    assert_eq!(answer.codes(), ["MANIFEST_INVALID"]);
    // Also when the length is not told beforehand.
    let pieces = larger.bytes.chunks(100_000).map(<[u8]>::to_vec).collect();
    let request = Request::put("/v2/team/app/manifests/larger").content_type(OCI_MANIFEST).chunked(pieces);
    server.send(request).expect(413);
    server.get("/v2/team/app/manifests/larger").expect(404);
    let chunked = Request::put("/v2/team/app/manifests/chunked").content_type(OCI_MANIFEST);
    server.send(chunked.chunked(largest.bytes.chunks(70_000).map(<[u8]>::to_vec).collect())).expect(201);
    server.check_manifest("team/app", "chunked", &largest);
}

#[test]
fn a_manifest_announced_as_a_gigabyte_is_refused_before_it_is_sent() {
    let server = Server::start();
    let request =
        Request::put("/v2/team/app/manifests/huge").content_type(OCI_MANIFEST).header("Content-Length", "1073741824");
    server.send(request).expect(413);
}

#[test]
fn the_digest_in_the_path_must_be_the_body_s() {
    let server = Server::start();
    let image = Image::oci(43);
    server.push_blobs("team/app", &image);
    for wrong in [sha256(b"other"), sha512(b"other")] {
        server.put_manifest("team/app", &wrong, &image.manifest).expect_error(400, "DIGEST_INVALID");
        server.get(&format!("/v2/team/app/manifests/{wrong}")).expect(404);
    }
    for bad in ["sha256:baddigeststring".to_owned(), format!("md5:{}", "a".repeat(32))] {
        server.put_manifest("team/app", &bad, &image.manifest).expect_error(400, "DIGEST_INVALID");
    }
    for bad in [".tag", "-tag", "t%20g"] {
        let answer = server.put_manifest("team/app", bad, &image.manifest);
        assert!([400, 404].contains(&answer.status), "{bad}: {answer}");
    }
}

#[test]
fn a_subject_is_acknowledged_even_if_it_is_missing() {
    let server = Server::start();
    server.push_blob("team/app", &empty());
    let subject = Image::oci(44).manifest;
    let attached = referrer(&subject, "application/x-signature", "signed");
    for reference in ["attached", &attached.digest] {
        let answer = server.put_manifest("team/app", reference, &attached).expect(201);
        assert_eq!(answer.the("oci-subject"), subject.digest);
    }
    let json = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": subject.descriptor(),
    });
    let answer = server.put_manifest("team/app", "index", &Manifest::new(OCI_INDEX, &json)).expect(201);
    assert_eq!(answer.the("oci-subject"), subject.digest);
}

#[test]
fn tags_in_the_query_are_made_and_told() {
    let server = Server::start();
    let image = Image::oci(45);
    server.push_blobs("team/app", &image);
    let tags = (0..12).map(|at| format!("v{at}.x")).collect::<Vec<_>>();
    for digest in [image.manifest.digest.clone(), image.manifest.sha512()] {
        let query = tags.iter().map(|tag| format!("tag={tag}")).collect::<Vec<_>>().join("&");
        let answer = server.put_manifest("team/app", &format!("{digest}?{query}"), &image.manifest).expect(201);
        let told = answer.all("oci-tag").join(",");
        let mut told = told.split(',').map(|tag| tag.trim().to_owned()).collect::<Vec<_>>();
        told.sort();
        let mut expected = tags.clone();
        expected.sort();
        assert_eq!(told, expected);
        for tag in &tags {
            let head = server.head(&format!("/v2/team/app/manifests/{tag}")).expect(200);
            assert_eq!(head.the("docker-content-digest"), digest);
        }
    }
    assert_eq!(server.tags("team/app").len(), 12);
}

#[test]
fn a_bad_tag_in_the_query_is_refused_before_anything_is_stored() {
    let server = Server::start();
    let image = Image::oci(46);
    server.push_blobs("team/app", &image);
    for bad in ["-x", "..%2F..%2Fetc", "", &"t".repeat(129)] {
        let reference = format!("{}?tag=good&tag={bad}", image.manifest.digest);
        let answer = server.put_manifest("team/app", &reference, &image.manifest);
        assert_eq!(answer.status, 400, "{bad}: {answer}");
    }
    server.get("/v2/team/app/manifests/good").expect(404);
    server.get(&format!("/v2/team/app/manifests/{}", image.manifest.digest)).expect(404);
}

#[test]
fn very_many_tags_are_414_and_no_error_of_the_server() {
    let server = Server::start();
    let image = Image::oci(47);
    server.push_blobs("team/app", &image);
    let query = (0..2000).map(|at| format!("tag=t{at}")).collect::<Vec<_>>().join("&");
    let answer = server.put_manifest("team/app", &format!("{}?{query}", image.manifest.digest), &image.manifest);
    assert!([201, 400, 414].contains(&answer.status), "{answer}");
}

#[test]
fn a_manifest_lives_under_its_sha512_too() {
    let server = Server::start();
    let image = Image::oci(48);
    server.push_blobs("team/app", &image);
    let long = image.manifest.sha512();
    let answer = server.put_manifest("team/app", &long, &image.manifest).expect(201);
    assert_eq!(answer.the("docker-content-digest"), long);
    assert_eq!(answer.location(), format!("/v2/team/app/manifests/{long}"));
    let got = server.get(&format!("/v2/team/app/manifests/{long}")).expect(200);
    assert!(got.body == image.manifest.bytes);
    assert_eq!(got.the("docker-content-digest"), long);
    // A tag to it, and an index that names it by its SHA-512.
    server.put_manifest("team/app", &format!("{long}?tag=long"), &image.manifest).expect(201);
    assert_eq!(server.head("/v2/team/app/manifests/long").expect(200).the("docker-content-digest"), long);
    let mut entry = image.manifest.descriptor();
    entry["digest"] = json!(long);
    let list = Manifest::new(OCI_INDEX, &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}));
    server.put_manifest("team/app", &list.sha512(), &list).expect(201);
}

#[test]
fn the_same_manifest_may_be_pushed_twice_and_by_many_at_once() {
    let server = Server::start();
    let image = Image::oci(49);
    server.push_blobs("team/app", &image);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (server, image) = (&server, &image);
            scope.spawn(move || {
                for round in 0..5 {
                    let tag = format!("t{}", (worker + round) % 3);
                    server.put_manifest("team/app", &tag, &image.manifest).expect(201);
                    server.check_manifest("team/app", &tag, &image.manifest);
                }
            });
        }
    });
    assert_eq!(server.tags("team/app"), ["t0", "t1", "t2"]);
}
