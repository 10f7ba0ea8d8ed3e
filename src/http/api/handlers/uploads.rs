//! `/v2/<name>/blobs/uploads/…`: how blobs come in (end-4, end-5, end-6, end-11, end-13, end-14).

use axum::body::Body;
use futures_util::StreamExt as _;
use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::answers::{accepted, created};
use super::blobs::parse_digest;
use crate::http::api::authorize;
use crate::http::api::call::Call;
use crate::http::api::error::{ApiError, ApiResult};
use crate::http::api::events;
use crate::http::api::lingering::LingeringBody;
use crate::http::api::range::parse_content_range;
use crate::notify::Action;
use crate::oci::{Algorithm, Digest, ErrorCode, RepositoryName};
use crate::registry::{BlobBody, Error, UploadId, UploadStatus};

/// How many repositories are looked at for a mount whose source is not named.
const MOUNT_LOOKS_MAX: usize = 1000;
/// The same on a remote backend.
const MOUNT_LOOKS_REMOTE_MAX: usize = 16;
/// And in how many of those that have the blob the client's rights are tried.
const MOUNT_SOURCES_MAX: usize = 8;

const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");
const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// Begins an upload; or takes a whole blob at once (`digest`); or mounts one that another repository has (`mount`, `from`).
pub(super) async fn start(call: &Call<'_>, repository: &RepositoryName, body: Body) -> ApiResult {
    let body = LingeringBody::new(body);
    if let Some(digest) = call.query.first("mount") {
        // A mount that can't be done is no error: the client uploads instead.
        if let Ok(digest) = digest.parse()
            && mount(call, repository, &digest).await?
        {
            return Ok(created(call, repository, "blobs", &digest));
        }
    } else if let Some(digest) = call.query.first("digest") {
        let digest = parse_digest(digest)?;
        let blob = call.api.registry.push_blob(repository, blob_body(call, body), &digest).await?;
        events::blob(call, Action::Push, repository, &digest, blob.size);
        return Ok(created(call, repository, "blobs", &digest));
    }
    let algorithm = match call.query.first("digest-algorithm") {
        Some(text) => Some(text.parse::<Algorithm>().map_err(|error| ApiError::digest_invalid(text, error))?),
        None => None,
    };
    let status = call.api.registry.start_upload(repository, algorithm).await?;
    let mut response = progress(call, repository, &status, accepted());
    if call.api.options.chunk_bytes_min > 0 {
        response.headers_mut().insert(CHUNK_MIN_LENGTH, HeaderValue::from(call.api.options.chunk_bytes_min));
    }
    Ok(response)
}

/// Gives the repository a blob that another one has. The source that a request names has been authorized with it; where it
/// names none, only repositories that the client may pull from are taken, so that nothing is learnt about the others.
async fn mount(call: &Call<'_>, repository: &RepositoryName, digest: &Digest) -> ApiResult<bool> {
    let registry = &call.api.registry;
    let sources = match call.query.first("from") {
        Some(from) => from.parse().into_iter().collect(),
        None => {
            // On a remote backend every look is a round trip, and the client's own upload soon cheaper.
            let remote = registry.storage().capabilities().remote;
            let looks_max = if remote { MOUNT_LOOKS_REMOTE_MAX } else { MOUNT_LOOKS_MAX };
            registry.repositories_with_blob(digest, MOUNT_SOURCES_MAX, looks_max).await?
        }
    };
    for source in sources {
        if authorize::may_pull(call, &source).await
            && let Some(blob) = registry.mount_blob(&source, repository, digest).await?
        {
            events::mounted(call, repository, &source, digest, blob.size);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds a chunk, or as docker does the whole layer in one stream.
pub(super) async fn append(call: &Call<'_>, repository: &RepositoryName, id: &str, body: Body) -> ApiResult {
    let body = LingeringBody::new(body);
    let id = parse_id(call, repository, id)?;
    let at = chunk_start(call)?;
    let appended = call.api.registry.append_upload(repository, &id, at, blob_body(call, body)).await;
    let status = appended.map_err(|error| where_it_stands(call, repository, &id, error))?;
    Ok(progress(call, repository, &status, accepted()))
}

/// Adds the last chunk, if there is one, and makes the blob visible.
pub(super) async fn finish(call: &Call<'_>, repository: &RepositoryName, id: &str, body: Body) -> ApiResult {
    let body = LingeringBody::new(body);
    let id = parse_id(call, repository, id)?;
    let at = chunk_start(call)?;
    let Some(digest) = call.query.first("digest") else {
        let message = "the closing PUT needs the digest parameter: ?digest=sha256:…".to_owned();
        return Err(ApiError::new(ErrorCode::DigestInvalid).message(message));
    };
    let digest = parse_digest(digest)?;
    let finished = call.api.registry.finish_upload(repository, &id, at, blob_body(call, body), &digest).await;
    let blob = finished.map_err(|error| where_it_stands(call, repository, &id, error))?;
    events::blob(call, Action::Push, repository, &digest, blob.size);
    Ok(created(call, repository, "blobs", &digest))
}

/// Tells how far an upload is.
pub(super) async fn status(call: &Call<'_>, repository: &RepositoryName, id: &str) -> ApiResult {
    let id = parse_id(call, repository, id)?;
    let status = call.api.registry.upload_status(repository, &id).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(progress(call, repository, &status, response))
}

/// Throws an upload away.
pub(super) async fn cancel(call: &Call<'_>, repository: &RepositoryName, id: &str) -> ApiResult {
    let id = parse_id(call, repository, id)?;
    call.api.registry.cancel_upload(repository, &id).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        response.headers_mut().insert(UPLOAD_UUID, value);
    }
    Ok(response)
}

fn blob_body(call: &Call<'_>, body: LingeringBody) -> BlobBody {
    BlobBody { stream: body.boxed(), bytes_expected: call.content_length() }
}

/// An upload's id, and the proof that goes with it. A URL without the proof is taken, for proxies that lose queries: the id
/// alone is 122 random bits. A wrong proof never is.
fn parse_id(call: &Call<'_>, repository: &RepositoryName, id: &str) -> ApiResult<UploadId> {
    let invalid = |message: &str| ApiError::new(ErrorCode::BlobUploadInvalid).message(message.to_owned());
    let id: UploadId = id.parse().map_err(|_| invalid("this is no upload id of this registry"))?;
    match call.query.first("_state") {
        Some(token) if !call.api.secret.verify(repository, &id, token) => Err(invalid(
            "the _state does not belong to this upload: use the Location as it was given (if it was, the replicas of this \
             registry have different values of http.secret)",
        )),
        _ => Ok(id),
    }
}

/// Where a chunk begins, if the client says; and whether its length agrees with what it says.
fn chunk_start(call: &Call<'_>) -> ApiResult<Option<u64>> {
    let Some(header) = call.parts.headers.get(CONTENT_RANGE) else { return Ok(None) };
    let Some((first, last)) = header.to_str().ok().and_then(parse_content_range) else {
        let message = "Content-Range must have the form <first>-<last>, both inclusive".to_owned();
        return Err(ApiError::new(ErrorCode::SizeInvalid).message(message));
    };
    if last < first {
        return Err(ApiError::new(ErrorCode::RangeInvalid).message("Content-Range ends before it begins".to_owned()));
    }
    match call.content_length() {
        Some(length) if Some(length) != (last - first).checked_add(1) => {
            let message = "Content-Length and Content-Range do not agree".to_owned();
            Err(ApiError::new(ErrorCode::SizeInvalid).message(message))
        }
        _ => Ok(Some(first)),
    }
}

/// 202 and 204 tell where the upload stands and where it goes on.
fn progress(
    call: &Call<'_>,
    repository: &RepositoryName,
    status: &UploadStatus,
    mut response: Response<Body>,
) -> Response<Body> {
    for (name, value) in progress_headers(call, repository, &status.id, status.offset) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn progress_headers(
    call: &Call<'_>,
    repository: &RepositoryName,
    id: &UploadId,
    offset: u64,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let token = call.api.secret.sign(repository, id);
    let location = call.location.url(&format!("/{repository}/blobs/uploads/{id}?_state={token}"));
    // Without a unit, and `0-0` for both nothing and one byte: what clients have learnt to read.
    let range = HeaderValue::try_from(format!("0-{}", offset.saturating_sub(1))).ok().map(|value| (RANGE, value));
    let uuid = HeaderValue::try_from(id.as_str()).ok().map(|value| (UPLOAD_UUID, value));
    [Some((LOCATION, location)), range, uuid].into_iter().flatten()
}

/// A refusal of bytes that do not fit says where the upload stands, so that the client can go on without asking.
fn where_it_stands(call: &Call<'_>, repository: &RepositoryName, id: &UploadId, error: Error) -> ApiError {
    let offset = match &error {
        Error::OffsetMismatch { offset } | Error::UploadBusy { offset } => Some(*offset),
        _ => None,
    };
    let refusal = ApiError::from(error);
    match offset {
        Some(offset) => progress_headers(call, repository, id, offset)
            .fold(refusal, |refusal, (name, value)| refusal.header(name, value)),
        None => refusal,
    }
}
