//! Range requests on blobs (RFC 9110, section 14).

use crate::support::{Blob, Request, Response, Server};

const LEN: usize = 2048;

fn with_blob() -> (Server, Blob, String) {
    let server = Server::start();
    let blob = Blob::random(10, LEN);
    server.push_blob("team/app", &blob);
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    (server, blob, path)
}

fn get(server: &Server, path: &str, range: &str) -> Response {
    server.send(Request::get(path).header("Range", range))
}

#[test]
fn one_range_is_answered_206() {
    let (server, blob, path) = with_blob();
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=100-199", 100, 199),
        ("bytes=2047-2047", 2047, 2047),
        ("bytes=2000-", 2000, 2047),
        ("bytes=0-", 0, 2047),
        ("bytes=2000-5000", 2000, 2047),
        ("bytes=0-99999999999999999999", 0, 2047),
        ("bytes=-1", 2047, 2047),
        ("bytes=-48", 2000, 2047),
        ("bytes=-99999", 0, 2047),
        ("bytes= 5-6", 5, 6),
        ("BYTES=5-6", 5, 6),
    ] {
        let answer = get(&server, &path, range).expect(206);
        assert!(answer.body == blob.bytes[first..=last], "{range}");
        assert_eq!(answer.the("content-range"), format!("bytes {first}-{last}/{LEN}"), "{range}");
        assert_eq!(answer.the("content-length"), (last - first + 1).to_string(), "{range}");
        assert_eq!(answer.the("content-type"), "application/octet-stream");
        assert_eq!(answer.the("docker-content-digest"), blob.digest);
        assert_eq!(answer.the("etag"), format!("\"{}\"", blob.digest));
    }
}

#[test]
fn several_ranges_are_answered_in_parts() {
    let (server, blob, path) = with_blob();
    let answer = get(&server, &path, "bytes=0-9, 100-109,-5").expect(206);
    let kind = answer.the("content-type").to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect("a boundary").trim_matches('"');
    assert_eq!(answer.the("content-length"), answer.body.len().to_string());
    let parts = parts(&answer.body, boundary);
    let expected = [(0, 9), (100, 109), (2043, 2047)];
    assert_eq!(parts.len(), expected.len());
    for ((headers, body), (first, last)) in parts.iter().zip(expected) {
        assert!(headers.to_lowercase().contains(&format!("content-range: bytes {first}-{last}/{LEN}")), "{headers}");
        assert!(body == &blob.bytes[first..=last]);
    }
}

/// Splits a multipart body into the headers and the content of its parts.
fn parts(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let find = |bytes: &[u8], mark: &[u8]| bytes.windows(mark.len()).position(|window| window == mark);
    let mark = format!("--{boundary}");
    let mut rest = &body[find(body, mark.as_bytes()).expect("a first boundary") + mark.len()..];
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let end = find(rest, format!("\r\n{mark}").as_bytes()).expect("a next boundary");
        let part = &rest[..end];
        let head = find(part, b"\r\n\r\n").expect("headers");
        parts.push((String::from_utf8_lossy(&part[..head]).into_owned(), part[head + 4..].to_vec()));
        rest = &rest[end + 2 + mark.len()..];
    }
    parts
}

#[test]
fn of_several_ranges_only_the_satisfiable_ones_are_sent() {
    let (server, blob, path) = with_blob();
    let answer = get(&server, &path, "bytes=5000-6000,10-19").expect(206);
    if answer.header("content-range").is_some() {
        assert!(answer.body == blob.bytes[10..20]);
    } else {
        assert!(answer.the("content-type").starts_with("multipart/byteranges"));
    }
}

#[test]
fn many_overlapping_ranges_do_not_multiply_the_answer() {
    let (server, _, path) = with_blob();
    let ranges = (0..500).map(|_| "0-").collect::<Vec<_>>().join(",");
    let answer = get(&server, &path, &format!("bytes={ranges}"));
    assert!([200, 206, 400, 416].contains(&answer.status), "{}", answer.status);
    assert!(answer.body.len() <= 2 * LEN, "{} bytes were sent for a blob of {LEN}", answer.body.len());
}

#[test]
fn an_unsatisfiable_range_is_416_with_the_size() {
    let (server, _, path) = with_blob();
    for range in ["bytes=2048-", "bytes=2048-3000", "bytes=5000-10000", "bytes=-0", "bytes=500-0"] {
        let answer = get(&server, &path, range).expect(416);
        assert_eq!(answer.the("content-range"), format!("bytes */{LEN}"), "{range}");
    }
}

#[test]
fn a_range_in_another_unit_is_ignored() {
    let (server, blob, path) = with_blob();
    let answer = get(&server, &path, "lines=0-10").expect(200);
    assert!(answer.body == blob.bytes);
}

#[test]
fn a_range_that_can_not_be_read_never_breaks_anything() {
    let (server, blob, path) = with_blob();
    for range in ["bytes=", "bytes=-", "bytes=a-b", "bytes=1-2-3", "bytes", "bytes=,", "bytes=--1", "bytes=0x0-0x5"] {
        let answer = get(&server, &path, range);
        assert!([200, 400, 416].contains(&answer.status), "{range}: {answer}");
        assert!(answer.status != 200 || answer.body == blob.bytes, "{range}");
    }
}

#[test]
fn if_range_decides_whether_the_range_counts() {
    let (server, blob, path) = with_blob();
    let request = |value: &str| Request::get(&path).header("Range", "bytes=0-9").header("If-Range", value);
    let fitting = server.send(request(&format!("\"{}\"", blob.digest))).expect(206);
    assert!(fitting.body == blob.bytes[..10]);
    for value in ["\"other\"".to_owned(), format!("W/\"{}\"", blob.digest), "Sat, 01 Jan 2000 00:00:00 GMT".to_owned()]
    {
        let whole = server.send(request(&value)).expect(200);
        assert!(whole.body == blob.bytes, "{value}");
    }
}

#[test]
fn if_none_match_comes_before_the_range() {
    let (server, blob, path) = with_blob();
    let request = Request::get(&path).header("Range", "bytes=0-9");
    server.send(request.header("If-None-Match", format!("\"{}\"", blob.digest))).expect(304);
}

#[test]
fn a_head_with_a_range_has_no_body() {
    let (server, _, path) = with_blob();
    let mut connection = server.connect();
    let answer = connection.send(&Request::head(&path).header("Range", "bytes=0-9"));
    assert!([200, 206].contains(&answer.status), "{answer}");
    connection.send(&Request::get("/v2/")).expect(200);
}

#[test]
fn ranges_of_an_empty_blob_are_unsatisfiable() {
    let server = Server::start();
    let blob = Blob::new("");
    server.push_blob("team/app", &blob);
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    for range in ["bytes=0-0", "bytes=0-"] {
        assert_eq!(get(&server, &path, range).expect(416).the("content-range"), "bytes */0");
    }
    get(&server, &path, "lines=0-0").expect(200);
}
