//! `/v2/<name>/blobs/<digest>`: the bytes themselves (end-2, end-10).

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::answers::{CONTENT_DIGEST, accepted, digest_value, must_be_deletable};
use crate::http::FileOutlet;
use crate::http::api::call::Call;
use crate::http::api::client;
use crate::http::api::conditional::{etag, not_modified, range_applies};
use crate::http::api::error::{ApiError, ApiResult};
use crate::http::api::events;
use crate::http::api::range::{self, Span, Wanted};
use crate::notify::Action;
use crate::oci::{Digest, ErrorCode, RepositoryName, media_type};
use crate::storage::{ByteRange, ReadStream};

pub(super) async fn head(call: &Call<'_>, repository: &RepositoryName, digest: &str) -> ApiResult {
    let digest = parse_digest(digest)?;
    let blob = call.api.registry.stat_blob(repository, &digest).await?;
    if not_modified(&call.parts.headers, &digest) {
        return Ok(unchanged(&digest));
    }
    events::blob(call, Action::Pull, repository, &digest, blob.size);
    let mut response = whole(&digest, blob.size);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(blob.size));
    Ok(response)
}

pub(super) async fn get(call: &Call<'_>, repository: &RepositoryName, digest: &str) -> ApiResult {
    let digest = parse_digest(digest)?;
    let headers = &call.parts.headers;
    if let Some(answer) = redirected(call, repository, &digest).await? {
        return Ok(answer);
    }
    let asked = headers.get(RANGE).and_then(|value| value.to_str().ok()).filter(|_| range_applies(headers, &digest));
    let conditional = headers.contains_key(http::header::IF_NONE_MATCH);
    if asked.is_some() || conditional {
        // Both need to know the blob before its bytes are opened.
        let size = call.api.registry.blob_size(repository, &digest).await?;
        if not_modified(headers, &digest) {
            return Ok(unchanged(&digest));
        }
        match asked.map_or(Wanted::Whole, |header| range::parse(header, size)) {
            Wanted::Whole => {}
            Wanted::Unsatisfiable => return Err(unsatisfiable(size)),
            Wanted::Parts(spans) => match spans.as_slice() {
                [span] => return one_part(call, repository, &digest, size, *span).await,
                _ => {
                    events::blob(call, Action::Pull, repository, &digest, size);
                    return Ok(many_parts(call, repository, &digest, size, spans));
                }
            },
        }
    }
    let stream = call.api.registry.read_blob(repository, &digest, ByteRange::ALL).await?;
    events::blob(call, Action::Pull, repository, &digest, stream.meta.size);
    let mut response = whole(&digest, stream.meta.size);
    *response.body_mut() = body(call, stream);
    Ok(response)
}

/// Sends the client to the storage, where that gives URLs, the client can get there, and the blob is large enough to be
/// worth a second connection. The client asks there with the same `Range`; HEAD is answered here, because a URL is signed
/// for one method.
async fn redirected(
    call: &Call<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Response<Body>>, ApiError> {
    let redirect = &call.api.options.redirect;
    if !redirect.networks.is_empty() {
        let address = client::address(call.parts);
        if !address.is_some_and(|address| redirect.networks.iter().any(|network| network.contains(address))) {
            return Ok(None);
        }
    }
    let Some((blob, url)) = call.api.registry.blob_url(repository, digest, redirect.seconds).await? else {
        return Ok(None);
    };
    if not_modified(&call.parts.headers, digest) {
        return Ok(Some(unchanged(digest)));
    }
    let Ok(location) = HeaderValue::try_from(url) else { return Ok(None) };
    if blob.size < redirect.bytes_min {
        return Ok(None);
    }
    events::blob(call, Action::Pull, repository, digest, blob.size);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(CONTENT_DIGEST, digest_value(digest));
    headers.insert(LOCATION, location);
    // The blob never changes, but the URL ends soon, and is meant for this client.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(response))
}

pub(super) async fn delete(call: &Call<'_>, repository: &RepositoryName, digest: &str) -> ApiResult {
    must_be_deletable(call)?;
    let digest = parse_digest(digest)?;
    call.api.registry.delete_blob(repository, &digest).await?;
    events::blob_deleted(call, repository, &digest);
    Ok(accepted())
}

pub(super) fn parse_digest(text: &str) -> ApiResult<Digest> {
    text.parse().map_err(|error| ApiError::digest_invalid(text, error))
}

/// The answer for a whole blob, still without its body.
fn whole(digest: &Digest, size: u64) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    describe(headers, digest);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::OCTET_STREAM));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    response
}

/// The bytes themselves: as a file, if there is one and the connection can send it.
fn body(call: &Call<'_>, stream: ReadStream) -> Body {
    match (stream.file, call.parts.extensions.get::<FileOutlet>()) {
        (Some(file), Some(outlet)) => outlet.body(file),
        _ => Body::from_stream(stream.body),
    }
}

fn unchanged(digest: &Digest) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    describe(response.headers_mut(), digest);
    response
}

/// What is true of a blob in every answer: it never changes.
fn describe(headers: &mut HeaderMap, digest: &Digest) {
    headers.insert(CONTENT_DIGEST, digest_value(digest));
    headers.insert(ETAG, etag(digest));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=31536000"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
}

fn unsatisfiable(size: u64) -> ApiError {
    let error =
        ApiError::new(ErrorCode::RangeInvalid).message(format!("the blob has {size} bytes, and none in this range"));
    match HeaderValue::try_from(format!("bytes */{size}")) {
        Ok(value) => error.header(CONTENT_RANGE, value),
        Err(_) => error,
    }
}

fn content_range(span: Span, size: u64) -> String {
    format!("bytes {}-{}/{size}", span.first, span.last)
}

async fn one_part(call: &Call<'_>, repository: &RepositoryName, digest: &Digest, size: u64, span: Span) -> ApiResult {
    let stream = call.api.registry.read_blob(repository, digest, to_range(span)).await?;
    events::blob(call, Action::Pull, repository, digest, size);
    let mut response = whole(digest, span.len());
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    if let Ok(value) = HeaderValue::try_from(content_range(span, size)) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
    *response.body_mut() = body(call, stream);
    Ok(response)
}

/// Several ranges in one answer (RFC 9110, section 14.6). Each is opened when the one before it has been sent.
fn many_parts(
    call: &Call<'_>,
    repository: &RepositoryName,
    digest: &Digest,
    size: u64,
    spans: Vec<Span>,
) -> Response<Body> {
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    let head = |span: Span| {
        let (kind, range) = (media_type::OCTET_STREAM, content_range(span, size));
        format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n")
    };
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = spans.iter().map(|span| head(*span).len() as u64 + span.len()).sum::<u64>() + tail.len() as u64;
    let heads: Vec<(String, Span)> = spans.into_iter().map(|span| (head(span), span)).collect();

    let (registry, repository, digest_of_parts) = (call.api.registry.clone(), repository.clone(), digest.clone());
    let parts = stream::iter(heads).then(move |(head, span)| {
        let (registry, repository, digest) = (registry.clone(), repository.clone(), digest_of_parts.clone());
        async move {
            let content = registry.read_blob(&repository, &digest, to_range(span)).await?.body;
            let head = stream::once(async { Ok(Bytes::from(head)) });
            Ok::<_, crate::registry::Error>(head.chain(content.map_err(crate::registry::Error::from)))
        }
    });
    let end = stream::once(async { Ok(Bytes::from(tail)) });
    let mut response = whole(digest, length);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    if let Ok(value) = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}")) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    *response.body_mut() = Body::from_stream(parts.try_flatten().chain(end));
    response
}

fn to_range(span: Span) -> ByteRange {
    ByteRange { start: span.first, len: Some(span.len()) }
}
