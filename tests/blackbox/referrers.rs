//! Listing referrers.

use serde_json::{Value, json};

use crate::listings::next_of;
use crate::support::image::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, empty, index, referrer};
use crate::support::{Image, Manifest, Request, Response, Server, sha256};

const SIGNATURE: &str = "application/vnd.example.signature.v1";
const SBOM: &str = "application/vnd.example.sbom.v1+json";

fn list(server: &Server, digest: &str, query: &str) -> Response {
    let answer = server.get(&format!("/v2/team/app/referrers/{digest}{query}")).expect(200);
    assert_eq!(answer.the("content-type"), OCI_INDEX);
    assert_eq!(answer.json()["schemaVersion"], 2);
    assert_eq!(answer.json()["mediaType"], OCI_INDEX);
    answer
}

/// The digests of a list, in order of the text.
fn digests(answer: &Response) -> Vec<String> {
    let json = answer.json();
    let entries = json["manifests"].as_array().expect("manifests is a list");
    let mut digests = entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    digests.sort();
    digests
}

fn sorted(manifests: &[&Manifest]) -> Vec<String> {
    let mut digests = manifests.iter().map(|manifest| manifest.digest.clone()).collect::<Vec<_>>();
    digests.sort();
    digests
}

fn with_image() -> (Server, Image) {
    let server = Server::start();
    let image = Image::oci(110);
    server.push_image("team/app", "latest", &image);
    server.push_blob("team/app", &empty());
    (server, image)
}

#[test]
fn what_refers_to_a_manifest_is_listed_with_type_and_annotations() {
    let (server, image) = with_image();
    let signature = referrer(&image.manifest, SIGNATURE, "signed");
    server.put_manifest("team/app", &signature.digest, &signature).expect(201);
    // An image without artifactType is listed under the type of its config, an index without one has none.
    let plain_json = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": image.config.descriptor(OCI_CONFIG), "layers": [],
        "subject": image.manifest.descriptor(),
    });
    let plain = Manifest::new(OCI_MANIFEST, &plain_json);
    server.put_manifest("team/app", "plain", &plain).expect(201);
    let mut index_json = index(OCI_INDEX, &[&image.manifest]).json();
    index_json["subject"] = image.manifest.descriptor();
    index_json["annotations"] = json!({"a": "b"});
    let untyped = Manifest::new(OCI_INDEX, &index_json);
    server.put_manifest("team/app", &untyped.digest, &untyped).expect(201);
    index_json["artifactType"] = json!(SBOM);
    let typed = Manifest::new(OCI_INDEX, &index_json);
    server.put_manifest("team/app", &typed.digest, &typed).expect(201);

    let answer = list(&server, &image.manifest.digest, "");
    assert_eq!(digests(&answer), sorted(&[&signature, &plain, &untyped, &typed]));
    assert_eq!(answer.header("oci-filters-applied"), None);
    let expected = |manifest: &Manifest, artifact_type: Value, annotations: Value| {
        let mut entry = manifest.descriptor();
        for (key, value) in [("artifactType", artifact_type), ("annotations", annotations)] {
            if !value.is_null() {
                entry[key] = value;
            }
        }
        entry
    };
    for wanted in [
        expected(&signature, json!(SIGNATURE), json!({"org.example.note": "signed"})),
        expected(&plain, json!(OCI_CONFIG), Value::Null),
        expected(&untyped, Value::Null, json!({"a": "b"})),
        expected(&typed, json!(SBOM), json!({"a": "b"})),
    ] {
        let entries = answer.json()["manifests"].as_array().unwrap().clone();
        assert!(entries.contains(&wanted), "{wanted} is not in {answer}");
    }
    let head = server.head(&format!("/v2/team/app/referrers/{}", image.manifest.digest)).expect(200);
    assert_eq!(head.the("content-type"), OCI_INDEX);
}

#[test]
fn the_list_is_filtered_by_artifact_type_and_says_so() {
    let (server, image) = with_image();
    let signatures = ["one", "two"].map(|note| referrer(&image.manifest, SIGNATURE, note));
    let sbom = referrer(&image.manifest, SBOM, "parts");
    for manifest in signatures.iter().chain([&sbom]) {
        server.put_manifest("team/app", &manifest.digest, manifest).expect(201);
    }
    let encoded = SBOM.replace('+', "%2B");
    for (query, expected) in [
        (format!("?artifactType={SIGNATURE}"), sorted(&[&signatures[0], &signatures[1]])),
        (format!("?artifactType={encoded}"), sorted(&[&sbom])),
        ("?artifactType=application/x-none".to_owned(), Vec::new()),
    ] {
        let answer = list(&server, &image.manifest.digest, &query);
        assert_eq!(digests(&answer), expected, "{query}");
        assert_eq!(answer.the("oci-filters-applied"), "artifactType");
    }
}

#[test]
fn a_subject_without_referrers_has_an_empty_index() {
    let (server, image) = with_image();
    for (path, digest) in
        [("team/app", image.manifest.digest.clone()), ("team/app", sha256(b"absent")), ("no/such", sha256(b"a"))]
    {
        let answer = server.get(&format!("/v2/{path}/referrers/{digest}")).expect(200);
        assert_eq!(answer.json()["manifests"], json!([]), "{path}");
        assert_eq!(answer.the("content-type"), OCI_INDEX);
    }
}

#[test]
fn a_bad_digest_is_400() {
    let (server, _) = with_image();
    for digest in ["sha256:short", "latest", &format!("sha256:{}", "A".repeat(64)), &format!("md5:{}", "a".repeat(32))]
    {
        server.get(&format!("/v2/team/app/referrers/{digest}")).expect_error(400, "DIGEST_INVALID");
    }
}

#[test]
fn referrers_may_come_before_their_subject() {
    let server = Server::start();
    server.push_blob("team/app", &empty());
    let image = Image::oci(111);
    let signature = referrer(&image.manifest, SIGNATURE, "early");
    server.put_manifest("team/app", &signature.digest, &signature).expect(201);
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&[&signature]));
    server.push_image("team/app", "latest", &image);
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&[&signature]));
}

#[test]
fn a_deleted_referrer_is_listed_no_more() {
    let (server, image) = with_image();
    let manifests = ["one", "two"].map(|note| referrer(&image.manifest, SIGNATURE, note));
    for manifest in &manifests {
        server.put_manifest("team/app", &manifest.digest, manifest).expect(201);
    }
    server.delete(&format!("/v2/team/app/manifests/{}", manifests[0].digest)).expect(202);
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&[&manifests[1]]));
    server.delete(&format!("/v2/team/app/manifests/{}", manifests[1].digest)).expect(202);
    assert!(digests(&list(&server, &image.manifest.digest, "")).is_empty());
    server.put_manifest("team/app", &manifests[0].digest, &manifests[0]).expect(201);
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&[&manifests[0]]));
}

#[test]
fn referrers_of_one_repository_are_not_listed_in_another() {
    let (server, image) = with_image();
    server.push_image("team/other", "latest", &image);
    let signature = referrer(&image.manifest, SIGNATURE, "here");
    server.put_manifest("team/app", &signature.digest, &signature).expect(201);
    let other = server.get(&format!("/v2/team/other/referrers/{}", image.manifest.digest)).expect(200);
    assert_eq!(other.json()["manifests"], json!([]));
}

#[test]
fn the_list_comes_in_pages_when_it_is_long() {
    let server = Server::setup().section("referrers:\n  maxentries: 3").start();
    let image = Image::oci(112);
    server.push_image("team/app", "latest", &image);
    server.push_blob("team/app", &empty());
    let manifests = (0..6).map(|at| referrer(&image.manifest, SIGNATURE, &format!("{at}"))).collect::<Vec<_>>();
    for manifest in &manifests {
        server.put_manifest("team/app", &manifest.digest, manifest).expect(201);
    }
    for query in [String::new(), format!("?artifactType={SIGNATURE}")] {
        let mut found = Vec::new();
        let mut next = Some(format!("/v2/team/app/referrers/{}{query}", image.manifest.digest));
        while let Some(target) = next {
            let answer = server.get(&target).expect(200);
            let page = digests(&answer);
            assert!(!page.is_empty() && page.len() <= 3, "{} entries at {target}", page.len());
            assert_eq!(answer.header("oci-filters-applied").is_some(), !query.is_empty());
            found.extend(page);
            next = next_of(&answer);
            assert!(found.len() <= manifests.len(), "the pages do not end");
        }
        found.sort();
        assert_eq!(found, sorted(&manifests.iter().collect::<Vec<_>>()));
    }
}

#[test]
fn content_under_the_fallback_tag_is_listed() {
    // Pushed to a server that knows nothing of referrers, the way clients then do it: an index under a tag of its own.
    let mut old = Server::setup_of(crate::support::Program::Distribution).start();
    let image = Image::oci(113);
    old.push_image("team/app", "latest", &image);
    old.push_blob("team/app", &empty());
    let signature = referrer(&image.manifest, SIGNATURE, "old");
    old.put_manifest("team/app", &signature.digest, &signature).expect(201);
    let mut entry = signature.descriptor();
    entry["artifactType"] = json!(SIGNATURE);
    let fallback = Manifest::new(OCI_INDEX, &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}));
    old.put_manifest("team/app", &image.manifest.digest.replace(':', "-"), &fallback).expect(201);
    old.kill();
    let server = Server::setup().data(old.data()).start();
    let answer = list(&server, &image.manifest.digest, "");
    assert_eq!(digests(&answer), sorted(&[&signature]));
    assert_eq!(answer.json()["manifests"][0]["annotations"]["org.example.note"], "old");
    // And what is pushed from now on stands beside it, once.
    let new = referrer(&image.manifest, SIGNATURE, "new");
    server.put_manifest("team/app", &new.digest, &new).expect(201);
    server.put_manifest("team/app", &signature.digest, &signature).expect(201);
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&[&signature, &new]));
}

#[test]
fn referrers_survive_a_restart() {
    let (mut server, image) = with_image();
    let signature = referrer(&image.manifest, SIGNATURE, "kept");
    server.put_manifest("team/app", &signature.digest, &signature).expect(201);
    server.restart();
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&[&signature]));
}

#[test]
fn referrers_pushed_by_many_at_once_are_all_listed() {
    let (server, image) = with_image();
    let manifests = (0..24).map(|at| referrer(&image.manifest, SIGNATURE, &format!("{at}"))).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        for part in manifests.chunks(3) {
            let server = &server;
            scope.spawn(move || {
                for manifest in part {
                    server.put_manifest("team/app", &manifest.digest, manifest).expect(201);
                }
            });
        }
    });
    assert_eq!(digests(&list(&server, &image.manifest.digest, "")), sorted(&manifests.iter().collect::<Vec<_>>()));
}

#[test]
fn a_referrer_to_a_sha512_subject_is_listed_under_it() {
    let (server, image) = with_image();
    let long = image.manifest.sha512();
    server.put_manifest("team/app", &long, &image.manifest).expect(201);
    let mut json = referrer(&image.manifest, SIGNATURE, "long").json();
    json["subject"]["digest"] = json!(long);
    let signature = Manifest::new(OCI_MANIFEST, &json);
    let answer = server.put_manifest("team/app", &signature.sha512(), &signature).expect(201);
    assert_eq!(answer.the("oci-subject"), long);
    assert_eq!(digests(&list(&server, &long, "")), [signature.sha512()]);
}

#[test]
fn a_bad_page_number_is_no_error_of_the_server() {
    let (server, image) = with_image();
    for query in ["?n=-1", "?n=x", "?n=0", "?last=zzz", "?artifactType=", "?artifactType=%ff", "?last=%00"] {
        let answer = server.send(Request::get(format!("/v2/team/app/referrers/{}{query}", image.manifest.digest)));
        assert!([200, 400].contains(&answer.status), "{query}: {answer}");
    }
}
