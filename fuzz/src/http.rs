//! Requests to the API, over storage in memory and without a socket.

use super::text;
use ::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use axum::Router;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;
use wharf::auth::none::Open;
use wharf::http::api::{self, Api, ApiOptions, UploadSecret};
use wharf::oci::{Algorithm, Hasher, media_type};
use wharf::registry::{Registry, RegistryOptions};
use wharf::storage::memory::MemoryStorage;

/// Long enough for ranges to lie apart in it.
const BLOB: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What the head of a part and its boundary may add to a multipart answer, and how many parts one may have.
const PART_OVERHEAD_BYTES_MAX: usize = 64 * 256;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// For the targets that change nothing.
static SHARED: LazyLock<Fixture> = LazyLock::new(Fixture::new);

/// A registry with one image in one repository and one upload under way.
struct Fixture {
    router: Router,
    blob: String,
    manifest: String,
    upload: String,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fixture {
    fn new() -> Self {
        let registry = Arc::new(Registry::new(Arc::new(MemoryStorage::new()), RegistryOptions::default()));
        let options = ApiOptions { delete_enabled: true, ..ApiOptions::default() };
        let api = Api::new(registry, Arc::new(Open), UploadSecret::new("secret of the fuzzer"), options);
        let digest = Hasher::digest(Algorithm::CANONICAL, BLOB);
        let mut fixture = Self {
            router: api::router(Arc::new(api)),
            blob: format!("/v2/fuzz/repo/blobs/{digest}"),
            manifest: "/v2/fuzz/repo/manifests/latest".to_owned(),
            upload: String::new(),
        };
        let pushed = fixture.send(Method::POST, &format!("/v2/fuzz/repo/blobs/uploads/?digest={digest}"), &[], BLOB);
        assert_eq!(pushed.status, StatusCode::CREATED);
        let content_type = HeaderValue::from_static(media_type::OCI_MANIFEST);
        let pushed =
            fixture.send(Method::PUT, &fixture.manifest, &[(CONTENT_TYPE, content_type)], &Self::manifest_body());
        assert_eq!(pushed.status, StatusCode::CREATED);
        let started = fixture.send(Method::POST, "/v2/fuzz/repo/blobs/uploads/", &[], b"");
        let location: Uri = started.headers[LOCATION].to_str().unwrap().parse().unwrap();
        fixture.upload = location.path_and_query().unwrap().to_string();
        fixture
    }

    fn manifest_body() -> Vec<u8> {
        let (digest, size) = (Hasher::digest(Algorithm::CANONICAL, BLOB), BLOB.len());
        let config = format!(r#"{{"mediaType":"application/vnd.example+json","digest":"{digest}","size":{size}}}"#);
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#).into_bytes()
    }

    fn send(&self, method: Method, uri: &str, headers: &[(HeaderName, HeaderValue)], body: &[u8]) -> Answer {
        let mut request = Request::new(Body::from(body.to_vec()));
        *request.method_mut() = method;
        *request.uri_mut() = uri.parse().unwrap();
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        for (name, value) in headers {
            request.headers_mut().append(name, value.clone());
        }
        RUNTIME.block_on(async {
            let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
            Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
        })
    }
}

/// `Range`: an answer holds exactly the bytes that its head names, and never many more than the blob has.
pub fn range(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let answer = SHARED.send(Method::GET, &SHARED.blob, &[(RANGE, value)], b"");
    match (answer.status, answer.headers.get(CONTENT_RANGE)) {
        (StatusCode::OK, _) => assert_eq!(answer.body, BLOB),
        (StatusCode::PARTIAL_CONTENT, Some(range)) => {
            let range = range.to_str().unwrap().strip_prefix("bytes ").unwrap();
            let (first, last) = range.split_once('/').unwrap().0.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            assert_eq!(answer.body, BLOB[first..=last]);
        }
        (StatusCode::PARTIAL_CONTENT, None) => {
            assert!(answer.headers[CONTENT_TYPE].to_str().unwrap().starts_with("multipart/byteranges"));
            assert!(answer.body.len() <= BLOB.len() + PART_OVERHEAD_BYTES_MAX);
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => {}
        (other, _) => panic!("a Range was answered with {other}"),
    }
}

/// `Content-Range` of a chunk: taken only where it says what the chunk is, and the upload then stands where it should.
pub fn content_range(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let fixture = Fixture::new();
    let answer = fixture.send(Method::PATCH, &fixture.upload, &[(CONTENT_RANGE, value)], b"12345");
    let stands_at = match answer.status {
        StatusCode::ACCEPTED => "0-4",
        StatusCode::BAD_REQUEST | StatusCode::RANGE_NOT_SATISFIABLE => "0-0",
        other => panic!("a Content-Range was answered with {other}"),
    };
    let status = fixture.send(Method::GET, &fixture.upload, &[], b"");
    assert_eq!(status.status, StatusCode::NO_CONTENT);
    assert_eq!(status.headers[RANGE], stands_at);
}

/// `Accept`: a stored manifest is served as it is, whatever a client claims to understand.
pub fn accept(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let answer = SHARED.send(Method::GET, &SHARED.manifest, &[(ACCEPT, value)], b"");
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, Fixture::manifest_body());
}

/// The `_state` of an upload: none but the one that was given out is taken.
pub fn upload_token(data: &[u8]) {
    let (path, own) = SHARED.upload.split_once("?_state=").unwrap();
    if data == own.as_bytes() {
        return;
    }
    let escaped = data.iter().take(4096).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    });
    let answer = SHARED.send(Method::GET, &format!("{path}?_state={escaped}"), &[], b"");
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

/// A whole request: `METHOD path`, lines of headers, an empty line, the body; `{blob}`, `{manifest}` and `{upload}` stand
/// for the paths of what is there. Nothing that a client sends is the server's fault.
pub fn request(data: &[u8]) {
    let head_end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let Some(head) = text(&data[..head_end]) else { return };
    let body = data.get(head_end + 2..).unwrap_or_default();
    let fixture = Fixture::new();
    let mut lines = head.lines();
    let Some((method, path)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let path = path.replace("{blob}", &fixture.blob).replace("{manifest}", &fixture.manifest);
    let path = path.replace("{upload}", &fixture.upload);
    let (Ok(method), Ok(_)) = (method.parse::<Method>(), path.parse::<Uri>()) else { return };
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.parse::<HeaderName>().ok()?, value.parse::<HeaderValue>().ok()?))
    };
    let headers: Vec<(HeaderName, HeaderValue)> = lines.filter_map(header).collect();
    let answer = fixture.send(method, &path, &headers, body);
    assert!(!answer.status.is_server_error(), "{}: {:?}", answer.status, answer.body);
}
