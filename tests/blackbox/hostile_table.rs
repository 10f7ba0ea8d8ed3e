//! The table of hostile requests.

use crate::hostile_values::{CONTENT_RANGES, DIGESTS, NAMES, QUERIES, RANGES};
use crate::support::image::OCI_MANIFEST;
use crate::support::{Image, Request, sha256};

/// One hostile request, byte for byte.
pub struct Case {
    pub what: String,
    pub bytes: Vec<u8>,
    /// Whether somebody without rights may get another answer than an error.
    pub harmless: bool,
}

/// Everything that is sent, to a server that has `image` as `team/app:latest` and two uploads of different repositories.
pub fn cases(image: &Image, upload: &str, foreign: &str) -> Vec<Case> {
    let mut table = Table(Vec::new());
    table.names();
    table.digests();
    table.ranges(image);
    table.uploads(upload, foreign);
    table.queries();
    table.manifests();
    table.headers();
    table.malformed();
    table.0
}

struct Table(Vec<Case>);

impl Table {
    fn add(&mut self, what: &str, request: &Request) {
        self.raw(what, request.encode("registry.example"));
    }

    fn raw(&mut self, what: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { what: what.to_owned(), bytes: bytes.into(), harmless: false });
    }

    fn harmless(&mut self, what: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push(Case { what: what.to_owned(), bytes: bytes.into(), harmless: true });
    }

    fn names(&mut self) {
        let digest = sha256(b"x");
        let long =
            ["a".repeat(256), "a/".repeat(127) + "aa", "a".repeat(9000), "../".repeat(500), "%2e%2e%2f".repeat(300)];
        for name in NAMES.iter().copied().chain(long.iter().map(String::as_str)) {
            self.add("tags of a bad name", &Request::get(format!("/v2/{name}/tags/list")));
            self.add("manifest of a bad name", &Request::get(format!("/v2/{name}/manifests/latest")));
            self.add("blob of a bad name", &Request::get(format!("/v2/{name}/blobs/{digest}")));
            self.add("referrers of a bad name", &Request::get(format!("/v2/{name}/referrers/{digest}")));
            self.add("bad tag", &Request::get(format!("/v2/team/app/manifests/{name}")));
            self.add("bad upload id", &Request::patch(format!("/v2/team/app/blobs/uploads/{name}?_state=a")).body("x"));
            // Writing is tried with the names that may be one to nobody.
            if name.contains("..") || name.contains('%') || name.contains('_') {
                self.add("push to a bad name", &put(&format!("/v2/{name}/manifests/latest"), b"{}"));
                self.add("delete at a bad name", &Request::delete(format!("/v2/{name}/manifests/latest")));
                let mount = format!("/v2/{name}/blobs/uploads/?mount={digest}&from={name}");
                self.add("mount between bad names", &Request::put(mount).body(""));
            }
        }
    }

    fn digests(&mut self) {
        for digest in DIGESTS {
            self.add("bad digest of a blob", &Request::get(format!("/v2/team/app/blobs/{digest}")));
            self.add("bad digest of a blob", &Request::delete(format!("/v2/team/app/blobs/{digest}")));
            self.add("bad digest of a manifest", &Request::get(format!("/v2/team/app/manifests/{digest}")));
            self.add("bad digest of a manifest", &put(&format!("/v2/team/app/manifests/{digest}"), b"{}"));
            self.add("bad digest of a manifest", &Request::delete(format!("/v2/team/app/manifests/{digest}")));
            self.add("bad digest of a subject", &Request::get(format!("/v2/team/app/referrers/{digest}")));
            let single = format!("/v2/team/app/blobs/uploads/?digest={}", digest.replace('+', "%2B"));
            self.add("single push under a bad digest", &Request::post(single).body("x"));
        }
    }

    fn ranges(&mut self, image: &Image) {
        for range in RANGES {
            for digest in [&image.layers[0].digest, &image.config.digest] {
                let target = format!("/v2/team/app/blobs/{digest}");
                self.add("bad range", &Request::get(target).header("Range", *range));
            }
        }
        let many = format!("bytes={}", (0..5000).map(|at| format!("{at}-{at},")).collect::<String>());
        let target = format!("/v2/team/app/blobs/{}", image.layers[2].digest);
        self.add("thousands of ranges", &Request::get(&target).header("Range", many));
        for value in ["\"", "W/", "\"a", "*,*", &"\"a\",".repeat(3000), "\u{e9}"] {
            self.add("bad entity tag", &Request::get("/v2/team/app/manifests/latest0").header("If-None-Match", value));
            self.add(
                "bad entity tag",
                &Request::get(format!("{target}0")).header("If-Range", value).header("Range", "bytes=0-1"),
            );
        }
    }

    fn uploads(&mut self, upload: &str, foreign: &str) {
        let (path, query) = upload.split_once('?').expect("a token");
        let (foreign_path, foreign_query) = foreign.split_once('?').expect("a token");
        for range in CONTENT_RANGES {
            self.add("bad chunk", &Request::patch(upload).header("Content-Range", *range).body("0123"));
            let target = format!("{upload}&digest={}", sha256(b"0123"));
            self.add("bad last chunk", &Request::put(target).header("Content-Range", *range).body("0123"));
        }
        let long = "A".repeat(5000);
        let forged = [
            "",
            "_state",
            "_state=",
            "_state=A",
            "_state=%00",
            "_state=%ff",
            "_state=AAAA====",
            "_state=..%2f..",
            "_state[]=a",
            "_state=e30",
            "_state=eyJOYW1lIjoidGVhbS9hcHAifQ==",
            &format!("_state={long}"),
        ];
        for query in forged.into_iter().chain([if query == foreign_query { "_state=!" } else { foreign_query }]) {
            self.add("forged token", &Request::patch(format!("{path}?{query}")).body("x"));
            let target = format!("{path}?{query}&digest={}", sha256(b"x"));
            self.add("forged token", &Request::put(target).body("x"));
            self.add("forged token", &Request::delete(format!("{path}?{query}")));
        }
        self.add("stolen token", &Request::patch(format!("{foreign_path}?{query}x")).body("x"));
        self.add("stolen token", &Request::delete(format!("{}?{query}", path.replace("team/app", "team/thief"))));
        self.add("token of another upload", &Request::patch(upload.replace("team/app", "team/other")).body("x"));
        for kind in
            ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "\u{e9}", "a/b;c"]
        {
            let request = Request::patch(format!("{path}?_state=x")).content_type(kind);
            self.add("body of another type", &request.body("digest=sha256:x&mount=y"));
        }
        for digest in ["", "sha256:", "x", "sha256:00&digest=sha256:11"] {
            self.add("closed with a bad digest", &Request::put(format!("{upload}&digest={digest}")).body(""));
        }
    }

    fn queries(&mut self) {
        for query in QUERIES {
            let digest = sha256(b"x");
            for path in ["/v2/_catalog", "/v2/team/app/tags/list", &format!("/v2/team/app/referrers/{digest}")] {
                self.harmless("bad query", Request::get(format!("{path}?{query}")).encode("registry.example"));
            }
            let target = format!("/v2/team/app/blobs/uploads/?{query}&digest=x");
            self.add("bad query", &Request::post(target));
        }
        self.add("very long query", &Request::get(format!("/v2/_catalog?last={}", "a".repeat(30_000))));
        self.add("very many parameters", &Request::get(format!("/v2/_catalog?n=x&{}", "a=b&".repeat(5000))));
    }

    fn manifests(&mut self) {
        let target = "/v2/team/app/manifests/hostile";
        let bodies: [&[u8]; 14] = [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\"\"",
            b"0",
            b"\xff\xfe",
            b"{\"schemaVersion\":2}",
            b"{\"schemaVersion\":1e999}",
            b"{\"schemaVersion\":2,\"config\":null,\"layers\":null}",
            b"{\"schemaVersion\":2,\"config\":[],\"layers\":{}}",
            b"{\"schemaVersion\":2,\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:x\",\"size\":1}}",
            b"{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:x\",\"size\":-1,\"mediaType\":1}}",
            b"{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"../..\",\"size\":99999999999999999999}]}",
        ];
        for body in bodies {
            for kind in [
                OCI_MANIFEST,
                "application/vnd.oci.image.index.v1+json",
                "application/vnd.docker.distribution.manifest.v2+json",
            ] {
                self.add("bad manifest", &Request::put(target).content_type(kind).body(body));
            }
        }
        for kind in [
            "",
            ";",
            "text/html",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "\u{e9}",
            &"a".repeat(8000),
        ] {
            self.add("bad type of a manifest", &Request::put(target).content_type(kind).body("{}"));
        }
        for tag in ["", "..", "%2e%2e%2f", "a%00", "%ff", "-", &"t".repeat(4000)] {
            let digest = sha256(b"{}");
            self.add("bad tag in the query", &put(&format!("/v2/team/app/manifests/{digest}?tag={tag}"), b"{}"));
        }
        for len in ["1073741824", "4194305", "18446744073709551615", "9223372036854775808"] {
            let request = put(target, b"{}").header("Content-Length", len);
            self.add("manifest announced as huge", &request);
        }
        for accept in
            ["\u{e9}", ",,,,", "*/*;q=0", &"a/b,".repeat(5000), "application/vnd.oci.image.manifest.v1+json;q=x"]
        {
            self.add("bad Accept", &Request::get("/v2/team/app/manifests/absent").header("Accept", accept));
        }
    }

    fn headers(&mut self) {
        let get = || Request::get("/v2/team/app/manifests/absent");
        self.add("giant header", &get().header("X-Giant", "a".repeat(100_000)));
        self.add(
            "giant header of many",
            &(0..90).fold(get(), |request, at| request.header(&format!("X-{at}"), "a".repeat(2000))),
        );
        self.add("very many headers", &(0..2000).fold(get(), |request, at| request.header(&format!("X-{at}"), "a")));
        self.add("giant path", &Request::get(format!("/v2/{}/tags/list", "a/".repeat(40_000))));
        for value in [
            "Basic",
            "Basic !",
            "Basic =",
            "Bearer",
            "Bearer .",
            "Bearer a.b.c",
            "Negotiate abc",
            "\u{e9}",
            "Basic Og==",
            "Basic %00",
            "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
            &format!("Basic {}", "A".repeat(20_000)),
        ] {
            self.add("bad credentials", &get().header("Authorization", value));
        }
        self.add("two credentials", &get().header("Authorization", "Basic YTpi").header("Authorization", "Bearer x"));
        for (name, value) in [
            ("Forwarded", "host=\"\r\u{0}"),
            ("X-Forwarded-Host", "a\tb"),
            ("X-Forwarded-Proto", "gopher"),
            ("Host", ""),
            ("Host", "a b"),
            ("Host", "[::1"),
            ("Host", "a:99999999"),
            ("Host", "\u{e9}"),
            ("Host", "a/b?c#d"),
            ("Expect", "the-unexpected"),
            ("Connection", "upgrade, close, keep-alive"),
            ("Upgrade", "websocket"),
            ("TE", "trailers"),
            ("Content-Encoding", "gzip"),
            ("X-Http-Method-Override", "DELETE"),
            ("Transfer-Encoding", "identity"),
            ("Date", "yesterday"),
            ("Via", "\u{7f}"),
        ] {
            self.add("bad header", &get().header(name, value));
            self.add("bad header", &Request::post("/v2/Bad..Name/blobs/uploads/").header(name, value));
        }
    }

    /// What is not quite HTTP.
    fn malformed(&mut self) {
        let end = "\r\nHost: a\r\n\r\n";
        for line in [
            "GET",
            "GET /",
            "GET / HTTP/9.9",
            "GET / HTTP/1.1 more",
            "GET  /v2/  HTTP/1.1",
            "get /v2/x HTTP/1.1",
            "\u{0}",
            "G\u{e9}T / HTTP/1.1",
            "GET http://[/v2/ HTTP/1.1",
            "GET ftp://a/v2/_x HTTP/1.1",
            "GET a HTTP/1.1",
            "GET v2/ HTTP/1.1",
            "GET ? HTTP/1.1",
            "GET //v2//team//app//tags//list HTTP/1.1",
            "GET /v2//_catalog HTTP/1.1",
            "GET /v2/../v2/x HTTP/1.1",
            "GET /v2/./x HTTP/1.1",
            "GET /%76%32/x HTTP/1.1",
            "GET /v2%2fteam%2fapp%2ftags%2flist HTTP/1.1",
            "GET /v2/team%2fapp/tags%2flist HTTP/1.1",
            "GET /v2/team/app/tags/list#fragment HTTP/1.1",
            "GET \\v2\\ HTTP/1.1",
            "CONNECT a:1 HTTP/1.1",
            "PRI * HTTP/2.0",
            "GET http://evil.example/v2/absent/manifests/x HTTP/1.1",
            "DELETE http://evil.example/v2/absent/manifests/x HTTP/1.1",
            "GET /v2/x HTTP/1.0",
            "GET /v2/x HTTP/0.9",
            "GET /v2/x HTTP/2.0",
            "TRACE /v2/x HTTP/1.1",
            "PROPFIND /v2/x HTTP/1.1",
        ] {
            self.harmless("bad request line", format!("{line}{end}"));
        }
        self.harmless("asterisk form", format!("OPTIONS * HTTP/1.1{end}"));
        self.harmless("double slashes", format!("GET //v2// HTTP/1.1{end}"));
        self.harmless("absolute form", format!("GET http://registry.example/v2/ HTTP/1.1{end}"));
        self.harmless("line feeds only", "GET /v2/x HTTP/1.1\nHost: a\n\n");
        let put = "PUT /v2/team/app/manifests/smuggled HTTP/1.1\r\nHost: a\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n";
        let inner = "0\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n";
        for (what, text) in [
            ("two lengths", format!("{put}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}")),
            ("two lengths in one", format!("{put}Content-Length: 2, 3\r\n\r\n{{}}")),
            ("length and chunks", format!("{put}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{inner}")),
            ("chunks twice", format!("{put}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n{inner}")),
            ("unknown coding", format!("{put}Transfer-Encoding: gzip, chunked\r\n\r\n{inner}")),
            ("chunked not last", format!("{put}Transfer-Encoding: chunked, identity\r\n\r\n{inner}")),
            ("hidden coding", format!("{put}Transfer-Encoding: xchunked\r\n\r\n{inner}")),
            ("coding after a tab", format!("{put}Transfer-Encoding:\tchunked\r\n\r\n{inner}")),
            ("negative length", format!("{put}Content-Length: -2\r\n\r\n{{}}")),
            ("length with a sign", format!("{put}Content-Length: +2\r\n\r\n{{}}")),
            ("length too large", format!("{put}Content-Length: 99999999999999999999999\r\n\r\n{{}}")),
            ("length in hex", format!("{put}Content-Length: 0x2\r\n\r\n{{}}")),
            ("empty length", format!("{put}Content-Length: \r\n\r\n{{}}")),
            ("bad chunk size", format!("{put}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n")),
            ("negative chunk size", format!("{put}Transfer-Encoding: chunked\r\n\r\n-1\r\n{{}}\r\n0\r\n\r\n")),
            (
                "overflowing chunk size",
                format!("{put}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{{}}\r\n0\r\n\r\n"),
            ),
            (
                "endless chunk extension",
                format!("{put}Transfer-Encoding: chunked\r\n\r\n2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(50_000)),
            ),
            ("chunk without an end", format!("{put}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}xx0\r\n\r\n")),
            (
                "endless trailers",
                format!("{put}Transfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n", "X-A: b\r\n".repeat(20_000)),
            ),
            ("space before the colon", "GET /v2/x HTTP/1.1\r\nHost : a\r\n\r\n".to_owned()),
            ("folded header", "GET /v2/x HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n".to_owned()),
            ("no colon", "GET /v2/x HTTP/1.1\r\nHost\r\n\r\n".to_owned()),
            ("empty header name", "GET /v2/x HTTP/1.1\r\n: a\r\n\r\n".to_owned()),
            ("NUL in a header", "GET /v2/x HTTP/1.1\r\nHost: a\0b\r\n\r\n".to_owned()),
            ("two hosts", "GET /v2/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned()),
            ("no host", "GET /v2/x HTTP/1.1\r\n\r\n".to_owned()),
            ("carriage returns only", "GET /v2/x HTTP/1.1\rHost: a\r\r".to_owned()),
        ] {
            self.raw(what, text);
        }
        let random = (0..20).map(|seed| crate::support::random(seed, 400));
        random.for_each(|noise| self.harmless("noise", noise));
        self.harmless("the start of a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
        self.harmless(
            "the start of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec(),
        );
        self.harmless(
            "garbage after the start of HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        );
    }
}

fn put(target: &str, body: &[u8]) -> Request {
    Request::put(target).content_type(OCI_MANIFEST).body(body)
}
