//! The two lists that come in pages: the tags of a repository, and the catalog.

use crate::support::push::strings;
use crate::support::{Image, Request, Response, Server};

/// Follows `Link` from page to page; no page may be empty but a first and only one.
#[track_caller]
fn pages(server: &Server, first: &str, field: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(target) = next {
        let answer = server.get(&target).expect(200);
        let page = strings(&answer.json()[field]);
        assert!(pages.is_empty() || !page.is_empty(), "an empty page at {target}");
        pages.push(page);
        next = next_of(&answer);
        assert!(pages.len() < 100, "the pages do not end");
    }
    pages
}

/// The target of `Link: <…>; rel="next"`.
#[track_caller]
pub fn next_of(answer: &Response) -> Option<String> {
    let link = answer.header("link")?;
    let (target, relation) = link.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect("a link");
    assert_eq!(relation.trim_start_matches(';').trim(), r#"rel="next""#);
    Some(crate::support::http::path_of(target))
}

fn with_tags(tags: &[&str]) -> Server {
    let server = Server::start();
    let image = Image::oci(3);
    server.push_blobs("team/app", &image);
    for tag in tags {
        server.put_manifest("team/app", tag, &image.manifest).expect(201);
    }
    server
}

#[test]
fn tags_are_listed_in_ascii_order_with_the_name() {
    let server = with_tags(&["b", "a", "B", "10", "9", "_x", "a-1", "a.1", "a_1", "a1"]);
    let answer = server.get("/v2/team/app/tags/list").expect(200);
    assert_eq!(answer.the("content-type"), "application/json");
    assert_eq!(answer.json()["name"], "team/app");
    assert_eq!(strings(&answer.json()["tags"]), ["10", "9", "B", "_x", "a", "a-1", "a.1", "a1", "a_1", "b"]);
    assert_eq!(answer.header("link"), None);
}

#[test]
fn tags_come_in_pages_and_the_last_one_is_not_empty() {
    let names = ["t0", "t1", "t2", "t3", "t4", "t5"];
    let server = with_tags(&names);
    for (n, expected) in [(1, 6), (2, 3), (3, 2), (4, 2), (6, 1), (7, 1), (100, 1)] {
        let pages = pages(&server, &format!("/v2/team/app/tags/list?n={n}"), "tags");
        assert_eq!(pages.len(), expected, "n={n}");
        assert_eq!(pages.concat(), names, "n={n}");
        assert!(pages[..expected - 1].iter().all(|page| page.len() == n), "n={n}");
    }
}

#[test]
fn last_is_exclusive_needs_no_n_and_need_not_exist() {
    let server = with_tags(&["t0", "t1", "t2", "t3"]);
    for (query, expected) in [
        ("last=t1", &["t2", "t3"][..]),
        ("last=t1&n=1", &["t2"]),
        ("n=5&last=t1", &["t2", "t3"]),
        ("last=t11", &["t2", "t3"]),
        ("last=t3", &[]),
        ("last=zzz&n=3", &[]),
        ("last=", &["t0", "t1", "t2", "t3"]),
        ("n=2&last=%74%31", &["t2", "t3"]),
    ] {
        let answer = server.get(&format!("/v2/team/app/tags/list?{query}")).expect(200);
        assert_eq!(strings(&answer.json()["tags"]), expected, "{query}");
        assert!(answer.json()["tags"].is_array(), "an empty list is [], {query}");
    }
}

#[test]
fn n_zero_is_an_empty_list_without_a_link() {
    let server = with_tags(&["t0", "t1"]);
    let answer = server.get("/v2/team/app/tags/list?n=0").expect(200);
    assert_eq!(answer.json()["tags"], serde_json::json!([]));
    assert_eq!(answer.header("link"), None);
    let answer = server.get("/v2/_catalog?n=0").expect(200);
    assert_eq!(answer.json()["repositories"], serde_json::json!([]));
    assert_eq!(answer.header("link"), None);
}

#[test]
fn an_n_that_is_no_number_is_refused() {
    let server = with_tags(&["t0"]);
    for path in ["/v2/team/app/tags/list", "/v2/_catalog"] {
        for n in ["-1", "abc", "1.5", "0x10", "%20", "1%00", "99999999999999999999", "1e3"] {
            let answer = server.get(&format!("{path}?n={n}")).expect_error(400, "PAGINATION_NUMBER_INVALID");
            assert!(answer.json()["errors"][0]["detail"].get("n").is_some(), "the detail names n: {answer}");
        }
    }
}

#[test]
fn an_n_too_large_is_clamped_for_tags_and_refused_for_the_catalog() {
    let server = Server::setup().section("tags:\n  maxtags: 3\ncatalog:\n  maxentries: 3").start();
    let image = Image::oci(4);
    server.push_blobs("team/app", &image);
    for tag in ["t0", "t1", "t2", "t3", "t4"] {
        server.put_manifest("team/app", tag, &image.manifest).expect(201);
    }
    let pages = pages(&server, "/v2/team/app/tags/list?n=5000", "tags");
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
    // Without n everything comes at once, whatever the maximum.
    assert_eq!(server.tags("team/app").len(), 5);
    let answer = server.get("/v2/_catalog?n=4").expect_error(400, "PAGINATION_NUMBER_INVALID");
    assert_eq!(answer.json()["errors"][0]["detail"]["n"], 4);
    server.get("/v2/_catalog?n=3").expect(200);
}

#[test]
fn tags_of_an_unknown_repository_are_404() {
    let server = Server::start();
    let answer = server.get("/v2/no/such/tags/list").expect_error(404, "NAME_UNKNOWN");
    assert_eq!(answer.json()["errors"][0]["detail"]["name"], "no/such");
    server.get("/v2/no/such/tags/list?last=a").expect_error(404, "NAME_UNKNOWN");
}

#[test]
fn a_repository_whose_tags_are_gone_has_an_empty_list() {
    let server = with_tags(&["only"]);
    server.delete("/v2/team/app/manifests/only").expect(202);
    let answer = server.get("/v2/team/app/tags/list").expect(200);
    assert_eq!(answer.json()["tags"], serde_json::json!([]));
}

#[test]
fn the_catalog_lists_repositories_and_pages_through_them_all() {
    let server = Server::start();
    assert_eq!(server.get("/v2/_catalog").expect(200).json(), serde_json::json!({"repositories": []}));
    let image = Image::oci(5);
    let names = ["foo", "foo-bar", "foo/1", "foo/1/deep", "foo.bar", "bar", "library/redis", "z__z"];
    for name in names {
        server.push_image(name, "latest", &image);
    }
    // A repository that holds layers only is not one yet.
    server.push_blob("layers/only", &image.layers[0]);
    let all = server.get("/v2/_catalog").expect(200);
    assert_eq!(all.the("content-type"), "application/json");
    let mut expected = names.map(str::to_owned).to_vec();
    expected.sort();
    for n in [1, 2, 3, 4, 8, 9] {
        let pages = pages(&server, &format!("/v2/_catalog?n={n}"), "repositories");
        assert_eq!(pages.len(), 8_usize.div_ceil(n), "n={n}");
        let mut found = pages.concat();
        found.sort();
        assert_eq!(found, expected, "n={n}");
    }
    let after = server.get("/v2/_catalog?n=100&last=foo.bar").expect(200);
    assert!(!strings(&after.json()["repositories"]).contains(&"foo.bar".to_owned()), "last is exclusive");
    let head = server.send(Request::head("/v2/_catalog?n=1")).expect(200);
    assert!(head.header("link").is_some());
}

#[test]
fn the_catalog_has_pages_of_one_hundred_by_default() {
    let server = Server::start();
    let image = Image::oci(6);
    server.push_image("r/first", "x", &image);
    let from = server.data().join("docker/registry/v2/repositories/r/first");
    for at in 0..149 {
        let to = server.data().join(format!("docker/registry/v2/repositories/r/copy{at:03}/_manifests/tags"));
        std::fs::create_dir_all(&to).expect("a repository made by hand");
    }
    assert!(from.is_dir());
    let pages = pages(&server, "/v2/_catalog", "repositories");
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 50]);
}
